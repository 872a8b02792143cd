"""The header of a JPEG XL file, which must be known before it is decoded: its decoder sets memory aside at once."""

from dataclasses import dataclass

from guise.models.errors import ImageError

_CODESTREAM = b"\xff\x0a"
_BOX_PARTS = {b"jxlc": 0, b"jxlp": 4}  # bytes before what such a box holds of the codestream
_HEAD = 512  # bytes of a codestream that its size and metadata fit in
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_DIMENSION = ((1, 9), (1, 13), (1, 18), (1, 30))
_BITS = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS = ((32, 0), (16, 0), (24, 0), (1, 6))
_COUNT = ((0, 0), (1, 0), (2, 4), (1, 12))
_ENUM = ((0, 0), (1, 0), (2, 4), (18, 6))
_SHIFT = ((0, 0), (3, 0), (4, 0), (1, 3))
_NAME = ((0, 0), (0, 4), (16, 5), (48, 10))
_SPOT_COLOUR, _COLOUR_FILTER = 2, 5  # kinds of extra channels


@dataclass(frozen=True)
class JxlHeader:
    """What the header tells.

    Attributes:
        size: width and height in pixels, as stored.
        animated: it holds several frames.
        bits: of a sample.
        lossless: its colours are not turned into XYB and it wraps no JPEG: true of all files without loss, and of few
            others.
    """

    size: tuple[int, int]
    animated: bool
    bits: int
    lossless: bool


def jxl_header(data: bytes) -> JxlHeader:
    """Read the header of a JPEG XL file (ISO/IEC 18181-1, annex D; 18181-2 for its boxes).

    Args:
        data: the file's bytes.

    Returns:
        Its header.

    Raises:
        ImageError: there is none, or it is cut short.
    """
    stream, kinds = _codestream(data)
    if not stream.startswith(_CODESTREAM):
        raise ImageError("it is damaged or cut short (no codestream)")
    bits = _Bits(stream[2:])
    size = _size(bits)
    if bits.flag():  # all metadata are the usual ones
        return JxlHeader(size, False, 8, False)
    animated = False
    if bits.flag():
        bits.take(3)  # orientation, which the decoder applies
        if bits.flag():
            _size(bits)
        if bits.flag():
            raise ImageError("JPEG XL with a preview is not read; convert it to PNG")
        animated = bits.flag()
        if animated:
            return JxlHeader(size, True, 8, False)
    depth = _depth(bits)
    bits.take(1)  # whether 16-bit buffers do
    for _ in range(bits.number(_COUNT)):
        _skip_channel(bits)
    xyb = bits.flag()
    return JxlHeader(size, animated, depth, not xyb and b"jbrd" not in kinds)


def _codestream(data: bytes) -> tuple[bytes, set[bytes]]:
    """The begin of the codestream, and the kinds of the file's boxes."""
    if data.startswith(_CODESTREAM):
        return data[:_HEAD], set()
    stream, kinds, at = b"", set[bytes](), 0
    while at + 8 <= len(data):
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = len(data) - at
        if length < head:
            break
        kinds.add(kind)
        if kind in _BOX_PARTS and len(stream) < _HEAD:
            body = at + head + _BOX_PARTS[kind]
            stream += data[body : min(at + length, body + _HEAD)]
        at += length
    return stream, kinds


def _size(bits: "_Bits") -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.number(_DIMENSION)

    height, ratio = side(), bits.take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _depth(bits: "_Bits") -> int:
    if not bits.flag():
        return bits.number(_BITS)
    depth = bits.number(_FLOAT_BITS)
    bits.take(4)  # bits of the exponent
    return depth


def _skip_channel(bits: "_Bits") -> None:
    if bits.flag():  # alpha of 8 bits
        return
    kind = bits.number(_ENUM)
    _depth(bits)
    bits.number(_SHIFT)
    bits.take(8 * bits.number(_NAME))
    if kind == 0:
        bits.take(1)  # whether colours are multiplied by it
    elif kind == _SPOT_COLOUR:
        bits.take(4 * 16)
    elif kind == _COLOUR_FILTER:
        bits.number(((1, 0), (0, 2), (3, 4), (19, 8)))


class _Bits:
    """A reader of fields, the lowest bit of a byte first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ImageError("it is damaged or cut short (its header ends too early)")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def number(self, choices: tuple[tuple[int, int], ...]) -> int:
        """A number whose two first bits choose an offset and how many bits follow."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)
