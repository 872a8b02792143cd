"""Broken and hostile files, made of sound ones; the same seed gives the same files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def broken(files: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Files with flipped bits, cut, spliced together, with lies in their headers or among their lengths."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(files[random.integers(len(files))])
        match random.integers(6):
            case 0:
                for at in random.integers(0, len(data), random.integers(1, 9)):
                    data[at] ^= 1 << random.integers(8)
            case 1:
                del data[random.integers(len(data)) :]
            case 2:
                other = files[random.integers(len(files))]
                data[random.integers(len(data)) :] = other[random.integers(len(other)) :]
            case 3:
                at = int(min(len(data), 400) * random.random() ** 2)
                data[at : at + 4] = bytes(random.choice([0, 1, 0x7F, 0x80, 0xFF], 4).tolist())
            case 4:  # directories and lists of lengths may lie anywhere
                for at in random.integers(0, len(data), random.integers(1, 4)):
                    data[at : at + 4] = int(random.integers(0, 1 << random.integers(1, 33))).to_bytes(4, "big")
            case _:
                at, length = random.integers(len(data)), random.integers(1, 200)
                data[at:at] = data[at : at + length]
        yield bytes(data)
