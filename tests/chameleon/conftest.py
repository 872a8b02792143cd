from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageEnhance, ImageOps

from guise.chameleon import demo
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.models import Recogniser, load_recogniser
from guise.models.files import read_photo


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="session")
def dlib(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_recogniser("dlib-resnet", offline=True)


@pytest.fixture(scope="session")
def reader(detector: FaceDetector, dlib: Recogniser) -> FaceReader:
    return FaceReader(detector, dlib)


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """Head and shoulders, 270 x 270."""
    return Image.fromarray(skimage.data.astronaut()).crop((100, 0, 370, 270))


@pytest.fixture(scope="session")
def user_photos(astronaut: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos of one person, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "trip").mkdir()
    for name, left, light, scale in (
        ("a.jpg", 0, 1.0, 1.0),
        ("b.jpg", 15, 1.3, 0.9),
        ("c.jpg", 30, 0.75, 1.15),
        ("trip/d.jpg", 5, 1.1, 0.8),
    ):
        photo = ImageEnhance.Brightness(astronaut.crop((left, 0, 262, 260))).enhance(light)
        photo.resize((round(photo.width * scale), round(photo.height * scale))).save(folder / name, quality=92)
    return folder


@pytest.fixture(scope="session")
def strangers(astronaut: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three faces drawn out of shape, a photo without any, and a file that is none."""
    folder = tmp_path_factory.mktemp("strangers")
    ImageOps.mirror(astronaut).resize((200, 330)).save(folder / "tall.jpg")
    astronaut.resize((380, 230)).save(folder / "wide.jpg")
    blue = np.ascontiguousarray(np.asarray(astronaut)[..., ::-1])
    Image.fromarray(blue).resize((220, 330)).save(folder / "blue.jpg")
    Image.new("RGB", (80, 80), "gray").save(folder / "wall.png")
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory, reader):
    """Three of the demo's photos, cut to the face."""
    folder = tmp_path_factory.mktemp("photos")
    demo.make_photos(folder)
    crops = []
    for path in sorted(folder.iterdir())[:3]:
        pixels = read_photo(path).pixels
        crops.append(FaceCrop.cut(pixels, reader.detector.detect(pixels)[0]))
    return crops
