from io import BytesIO

import pytest
from PIL import Image

from guise.models.files.headers import sniff, webp_header


def _bytes(kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.new("RGBA" if kind == "WEBP" else "RGB", (37, 21), (1, 2, 3)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_formats_are_told_from_the_first_bytes(kind: str) -> None:
    assert sniff(_bytes(kind)) == kind
    assert sniff(b"x" + _bytes(kind)) is None


def test_big_tiff_is_tiff() -> None:
    assert sniff(_bytes("TIFF", big_tiff=True)) == "TIFF"


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("extra", [{}, {"icc_profile": b"x" * 130}], ids=["plain", "extended"])
def test_webp_header_tells_size_and_losslessness(lossless: bool, extra: dict[str, bytes]) -> None:
    header = webp_header(_bytes("WEBP", lossless=lossless, **extra))
    assert (header.size, header.frames, header.lossless) == ((37, 21), 1, lossless)


def test_webp_header_counts_frames() -> None:
    more = [Image.new("RGBA", (37, 21), colour) for colour in ("red", "blue", "green")]
    header = webp_header(_bytes("WEBP", save_all=True, append_images=more))
    assert (header.size, header.frames) == ((37, 21), 4)
