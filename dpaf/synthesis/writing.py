"""Synthetic images as files that others read at once: PNG in folders, npz, parquet, and a folder for `datasets`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
from PIL import Image

from guise.models.errors import InputError
from guise.models.files import atomic_write, check_writable, printable
from guise.models.files.pictures import save_picture

Format = Literal["folder", "npz", "parquet", "hf"]
FORMATS: tuple[Format, ...] = get_args(Format)
_SUFFIXES: dict[str, Format] = {".npz": "npz", ".parquet": "parquet"}
_ROWS = 1000  # in a group of rows
CARD = "README.md"
_MISSING = 'writing tables needs pyarrow: run `pip install "guise[datasets]"`'


def format_of(out: Path, asked: str | None) -> Format:
    """How samples are written to a place.

    Args:
        out: a file or a folder.
        asked: one of `FORMATS`; None goes by the suffix.

    Raises:
        InputError: no such format, a name that does not go with it, or pyarrow is missing.
    """
    by_name = _SUFFIXES.get(out.suffix.casefold())
    if asked is None:
        chosen: Format = by_name or "folder"
    elif asked in FORMATS:
        chosen = asked
    else:
        raise InputError(f"`format={asked}` does not exist: choose {', '.join(FORMATS)}")
    if chosen in ("npz", "parquet") and by_name != chosen:
        raise InputError(f"{printable(out)} does not end in .{chosen}: give it such a name, or another `format=`")
    if chosen in ("parquet", "hf"):
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise InputError(_MISSING) from None
    return chosen


def check_new(out: Path, asked: str | None = None) -> Format:
    """Make sure that samples could be written to a place.

    Args:
        out: a file or a folder.
        asked: as for `format_of`.

    Returns:
        How they are written.

    Raises:
        InputError: there is something already, or `format_of` refuses.
        OutputError: nothing may be written there.
    """
    chosen = format_of(out, asked)
    for path in (out, card_path(out, chosen)):
        file = chosen in ("npz", "parquet") or path != out
        if path.exists() and (file or not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{printable(path)} exists already: choose another name with `out=`")
    check_writable(out.parent)
    return chosen


def card_path(out: Path, form: Format) -> Path:
    """Where the card of samples lies: in their folder, or next to their file.

    Args:
        out: where the samples lie.
        form: how they are written.
    """
    return out / CARD if form in ("folder", "hf") else out.with_name(f"{out.name}.md")


def write(
    images: np.ndarray, labels: np.ndarray, out: Path, form: Format, *, classes: tuple[str, ...], card: str = ""
) -> None:
    """Write samples and their card.

    Args:
        images: uint8 (N, H, W, 1 or 3).
        labels: int64 (N,).
        out: a new file or folder.
        form: how.
        classes: names of the labels.
        card: Markdown; "" writes none.

    Raises:
        OutputError: something cannot be written.
    """
    if form == "folder":
        folders = _folders(classes)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            save_picture(image, out / folders[label] / f"{number:06d}.png")
    elif form == "npz":
        with atomic_write(out) as file:
            np.savez_compressed(file, images=images, labels=labels, classes=np.array(classes))
    else:
        place = out if form == "parquet" else out / "data" / "train-00000-of-00001.parquet"
        with atomic_write(place) as file:
            _write_table(images, labels, classes, file)
    if card:
        with atomic_write(card_path(out, form)) as file:
            file.write(card.encode())


def _write_table(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], file: BinaryIO) -> None:
    """Columns `image`, a PNG's bytes, and `label`, with what `datasets` wants to know of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"image": {"_type": "Image"}, "label": {"names": [*classes], "_type": "ClassLabel"}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=told)
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(images), _ROWS):
            rows = slice(start, start + _ROWS)
            cells = [
                {"bytes": _png(pixels), "path": f"{start + place:06d}.png"} for place, pixels in enumerate(images[rows])
            ]
            columns = [pa.array(cells, image), pa.array(labels[rows], pa.int64())]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(file, format="PNG")
    return file.getvalue()


def _folders(classes: tuple[str, ...]) -> list[str]:
    """A folder's name for each class, no two alike."""
    plain = ["".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in name) for name in classes]
    if len({name.casefold() for name in plain}) == len(plain) and all(plain):
        return plain
    return [f"{place} {name}".strip() for place, name in enumerate(plain)]
