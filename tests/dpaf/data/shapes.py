"""Datasets as people have them, made for tests: discs and squares in folders, and digits as arrays."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def digits(count=300):
    """uint8 (count, 28, 28) in 0...255, and labels 0...9."""
    found = load_digits()
    images = np.rint(found.images[:count] * 255 / 16).astype(np.uint8)
    return np.kron(images, np.ones((1, 4, 4), np.uint8))[:, 2:30, 2:30], found.target[:count].astype(np.int64)


def shape(kind, random):
    """uint8 (28, 28): a disc or a square somewhere."""
    y, x = np.mgrid[:28, :28]
    down, across = random.uniform(10, 18, 2)
    norm = {"cat": 2, "dog": np.inf}[kind]
    inside = np.linalg.norm(np.stack([y - down, x - across]), norm, axis=0) < 7
    return (inside * 200 + random.integers(0, 50, inside.shape)).astype(np.uint8)


def put_shapes(folder: Path, count=40):
    """`count` PNGs of each of two classes."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(shape(name, random)).save(folder / name / f"{index:03}.png")


def idx(values):
    """An array of bytes as MNIST's files keep it."""
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()
