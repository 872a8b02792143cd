"""Big-endian BigTIFFs, which Pillow does not read, as plain TIFFs."""

import struct

_HEADER = struct.Struct(">2sHHHQ")
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LONG, _SHORTER = 4, {16: 4, 17: 9, 18: 13}  # types of 8 bytes, and the same of 4
_DIRECTORIES = (34665, 34853, 40965)  # tags that point to others: EXIF, GPS, interoperability
_MOST = 4096  # directories, each of at most as many tags


def is_big_endian(data: bytes) -> bool:
    """Tell whether a file is one.

    Args:
        data: its bytes.

    Returns:
        By its first bytes.
    """
    return data.startswith(b"MM\0+")


def plain_tiff(data: bytes) -> bytes:
    """Write the directories of a big-endian BigTIFF anew, as those of a TIFF.

    Args:
        data: the file's bytes.

    Returns:
        A big-endian TIFF: the same bytes but for its header, and its directories behind them.

    Raises:
        ValueError, struct.error: it is damaged, or too large for a TIFF.
    """
    *_, offset_bytes, zero, first = _HEADER.unpack_from(data)
    if (offset_bytes, zero) != (8, 0):
        raise ValueError(f"a BigTIFF has offsets of 8 bytes, this one of {offset_bytes}")
    converted = _Converted(data)
    offset = converted.chain(first)
    return b"MM\0*" + struct.pack(">I", offset) + data[8:] + bytes(converted.added)


class _Converted:
    def __init__(self, data: bytes) -> None:
        self._data, self._seen = data, set[int]()
        self.added = bytearray(len(data) % 2)  # directories begin at even offsets

    def chain(self, at: int) -> int:
        """Convert a directory and those that follow it; where the first one lies now."""
        places: list[int] = []
        while at and at not in self._seen and len(self._seen) < _MOST:
            self._seen.add(at)
            place, end, at = self._directory(at)
            if places:
                self.added[places[-1] : places[-1] + 4] = struct.pack(">I", place)
            else:
                start = place
            places.append(end)
        return start if places else 0

    def _directory(self, at: int) -> tuple[int, int, int]:
        """Convert one: where it lies now, where the next one's offset is to stand, and that one's offset before."""
        (count,) = struct.unpack_from(">Q", self._data, at)
        if count > _MOST:
            raise ValueError(f"{count} tags")
        entries = []
        for number in range(count):
            tag, kind, values, own = struct.unpack_from(">HHQ8s", self._data, at + 8 + 20 * number)
            if kind in _BYTES:
                entries.append(self._entry(tag, kind, values, own))
        place = self._place(b"")
        self.added += struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
        (following,) = struct.unpack_from(">Q", self._data, at + 8 + 20 * count)
        return place, len(self.added) - 4, following

    def _entry(self, tag: int, kind: int, count: int, own: bytes) -> bytes:
        size = _BYTES[kind] * count
        body = own[:size]
        if size > len(own):
            (at,) = struct.unpack(">Q", own)
            body = self._data[at : at + size]
            if len(body) < size:
                raise ValueError(f"tag {tag} is cut short")
        if kind in _SHORTER:
            code = "q" if kind == 17 else "Q"
            body = struct.pack(f">{count}{'i' if kind == 17 else 'I'}", *struct.unpack(f">{count}{code}", body))
            kind = _SHORTER[kind]
        if tag in _DIRECTORIES and count == 1 and len(body) == 4:
            body, kind = struct.pack(">I", self.chain(int.from_bytes(body, "big"))), _LONG
        if len(body) > 4:
            body = struct.pack(">I", self._place(body))
        return struct.pack(">HHI", tag, kind, count) + body.ljust(4, b"\0")

    def _place(self, body: bytes) -> int:
        """Add bytes; where they lie in the file."""
        at = len(self._data) + len(self.added)
        if len(self.added) + len(body) > len(self._data):  # the same bytes may be named by many tags
            raise ValueError("its tags are larger than the file")
        self.added += body + bytes(len(body) % 2)
        return at
