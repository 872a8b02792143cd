from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.filters import gaussian

from guise.chameleon.demo import portrait
from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector, select_reference
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.jobs import networks
from guise.chameleon.mask.key import Key, Provenance, save_key
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.models import Recogniser, load_recogniser
from guise.models.recognisers import registry
from tests.cli.command_line import Outcome, call, hashes, unfinished

Run = Callable[..., Outcome]


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def networks_once() -> Iterator[None]:
    """Commands in this process share the recognisers that come with the installation; each is loaded once."""
    load = networks.load_recogniser

    @cache
    def loaded(name: str, device: str, place: str) -> Recogniser:
        assert place == os.environ["GUISE_CACHE"]
        return load(name, device=device, offline=True)

    def shared(name: str, *, device: str, **how: Any) -> Recogniser:
        if name not in registry.RECORDS or registry.RECORDS[name].source in ("download", "release"):
            return load(name, device=device, **how)
        return loaded(name, device, os.environ["GUISE_CACHE"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "load_recogniser", shared)
        yield


@pytest.fixture(scope="session")
def reader() -> FaceReader:
    return FaceReader(FaceDetector(), load_recogniser("dlib-resnet", offline=True))


@pytest.fixture(scope="session")
def head() -> Image.Image:
    """Head and shoulders of the packaged portrait, 270 x 270."""
    return Image.fromarray(portrait()).crop((90, 0, 360, 270))


def a_mask(seed: int) -> Mask:
    """Not learnt: smooth noise of some four levels, faded out like a real one."""
    noise = np.random.default_rng(seed).normal(size=(3, geometry.CANVAS, geometry.CANVAS))
    smooth = gaussian(noise, sigma=(0, 1.5, 1.5))
    values = (4 / 255 * smooth / smooth.std() * face_support().numpy()).astype(np.float32)
    return Mask(values.clip(-16 / 255, 16 / 255), geometry.CANONICAL_TEMPLATE, 16 / 255)


@pytest.fixture(scope="session")
def selector(reader: FaceReader, head: Image.Image) -> FaceSelector:
    faces = reader.read(np.asarray(head), name="portrait")
    return select_reference(faces, threshold=reader.recogniser.record.threshold)


@pytest.fixture(scope="session")
def keys(selector: FaceSelector, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two keys of the portrait's person, with different masks. Not to be used itself: see `key`."""
    folder = tmp_path_factory.mktemp("keys")
    made = Provenance(("dlib-resnet",), "guise", "mid", 12, 300, 0, "0.1.0")
    for seed in (0, 1):
        templates = {"dlib-resnet": FaceTemplate(selector.template.mean, 0.6)}
        save_key(Key(a_mask(seed), selector, made, templates), folder / str(seed))
    return folder / "0", folder / "1"


@pytest.fixture
def key(keys: tuple[Path, Path], tmp_path: Path) -> Path:
    """A key in a folder of its own: records for restoration come to lie beside it."""
    file = tmp_path / "private" / "mine.guise-key"
    file.parent.mkdir()
    file.write_bytes(keys[0].read_bytes())
    return file


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder for originals."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "copies"


@pytest.fixture
def protect(photos: Path, out: Path, key: Path, tmp_path: Path) -> Run:
    """`protect` on the folder of originals with the ready key; no original may change, nothing half-written stay."""
    from guise.cli.protect import protect as command

    def run(*options: str | Path, bare: bool = False) -> Outcome:
        usual = () if bare else ("--user-photos", photos, "--out", out, "--key", key)
        # All photos are refined as by default, but in few steps.
        usual = usual if "--refine" in options else (*usual, "--refine", "2")
        usual = usual if {"--patience", "0"} & set(options) else (*usual, "--patience", "0")
        before = hashes(photos)
        outcome = call(command, *usual, *options, "--offline", "--device", "cpu")
        assert hashes(photos) == before
        assert unfinished(tmp_path) == []
        return outcome

    return run


@pytest.fixture
def restore(out: Path, key: Path, tmp_path: Path) -> Run:
    """`guise restore` of the protected copies into `tmp_path / "restored"`; no copy may change."""
    from guise.cli.restore import restore as command

    def run(
        *options: str | Path, key_file: Path = key, folder: Path = out, to: Path = tmp_path / "restored"
    ) -> Outcome:
        before = hashes(folder)
        outcome = call(command, folder, "--key", key_file, "--out", to, *options, "--device", "cpu")
        assert hashes(folder) == before
        assert unfinished(tmp_path) == []
        return outcome

    return run
