"""Tables with a column of images: parquet files, and folders of Hugging Face's `datasets`, on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from guise.dpaf.data.decoded import Decoder
from guise.dpaf.data.reading import Reading, Stored
from guise.dpaf.data.splits import ORDER, split_of
from guise.models.counting import counted
from guise.models.errors import GuiseError, InputError, first_line
from guise.models.files import Photo, decode_photo, printable, read_photo

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIXES = (".parquet", ".arrow")
_IMAGES = ("image", "img", "images", "picture", "photo")
_LABELS = ("label", "labels", "class", "target", "y")
_DEPTH = 4
_MISSING = 'tables of images need pyarrow: run `pip install "guise[datasets]"`'
_OTHER_PARTS = ("cache-",)  # what `datasets` keeps of its own work beside a dataset


def table_files(source: Path) -> list[Path]:
    """The parquet and arrow files of a source: itself, or those in a folder and below it.

    Args:
        source: a file or a folder.
    """
    if source.is_file():
        return [source] if source.suffix.casefold() in _SUFFIXES else []
    return sorted(_found(source, _DEPTH)) if source.is_dir() else []


def read_tables(source: Path, files: Sequence[Path], reading: Reading) -> Stored:
    """One column of images and one of labels, in the split's files.

    Columns are told by what `datasets` wrote about them (Image, ClassLabel), else by their names.

    Args:
        source: that was named, for messages.
        files: what `table_files` gave.
        reading: how to read it.

    Raises:
        InputError: pyarrow is missing, the columns cannot be told, or images cannot be read.
    """
    where = printable(source)
    if reading.group_folders:
        raise InputError(f"{where} holds no folders: name its column of people with `group_column=`")
    chosen, part = _of_split(source, files, reading.split)
    table = _read(chosen, where)
    columns = _columns(table, reading, where)
    decoder, labels = Decoder(reading.size, where), _values(table, columns.label)
    told = [str(value) for value in labels] if labels is not None else [""] * table.num_rows
    for place, (cell, label) in enumerate(zip(_cells(table, columns.image), told, strict=True)):
        name = f"row {place}"
        try:
            decoder.add(_photo(cell, name, source if source.is_dir() else source.parent), name, label)
        except GuiseError as error:
            decoder.refuse(name, error)
    seen = decoder.done()
    label = f" and {columns.label}" if columns.label else ""
    return Stored(
        seen.images,
        labels,
        where,
        f"{counted(len(chosen), f'{chosen[0].suffix[1:]} file')}{part}, columns {columns.image}{label}",
        columns.names if labels is not None else ["image"],
        seen.digest,
        _values(table, columns.people),
        seen.sizes,
        seen.values,
        seen.colour,
        seen.notes,
        seen.doubts,
    )


@dataclass(frozen=True)
class _Columns:
    """Names of columns, and of the classes 0, 1, ... where the file gives them."""

    image: str
    label: str | None
    people: str | None
    names: list[str] | None


def _found(folder: Path, depth: int) -> list[Path]:
    files: list[Path] = []
    try:
        for path in folder.iterdir():
            if path.name.startswith((".", "__MACOSX", *_OTHER_PARTS)):
                continue
            if path.is_dir() and not path.is_symlink():
                files += _found(path, depth - 1) if depth > 1 else []
            elif path.suffix.casefold() in _SUFFIXES and path.is_file():
                files.append(path)
    except OSError as error:
        raise InputError(f"cannot read {printable(folder)}: {error.strerror}; allow reading it") from None
    return files


def _of_split(source: Path, files: Sequence[Path], split: str) -> tuple[list[Path], str]:
    """The files of a split, told by the folders above them or the first word of their names."""
    parts: dict[str, list[Path]] = {}
    for path in files:
        words = [*path.relative_to(source).parts[:-1]] if source.is_dir() else []
        told = [split_of(word) for word in [*words, path.name.split("-")[0].split(".")[0]]]
        parts.setdefault(next((part for part in told if part), "all"), []).append(path)
    if set(parts) == {"all"}:
        return parts["all"], ""
    for part in ORDER[split]:
        if part in parts:
            others = ", ".join(sorted(set(parts) - {part}))
            return parts[part], f" of {part}" + (f" (beside {others})" if others else "")
    what = f"{printable(source)} holds tables of {', '.join(sorted(parts))} and nothing to {split} with"
    raise InputError(f"{what}: name another")


def _read(files: Sequence[Path], where: str) -> pa.Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(_MISSING) from None
    tables = []
    for path in files:
        try:
            if path.suffix.casefold() == ".parquet":
                tables.append(pq.read_table(path))
                continue
            with pa.memory_map(str(path)) as file:
                try:
                    tables.append(pa.ipc.open_stream(file).read_all())
                except pa.ArrowInvalid:
                    tables.append(pa.ipc.open_file(file).read_all())
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read {printable(path)}: {first_line(error)}; copy it again") from None
    try:
        return pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise InputError(f"the tables in {where} differ in their columns: {first_line(error)}; name one file") from None


def _columns(table: pa.Table, reading: Reading, where: str) -> _Columns:
    import pyarrow as pa

    features = _features(table)
    kinds = {name: str(own.get("_type", "")) for name, own in features.items() if isinstance(own, dict)}
    listed = ", ".join(map(printable, table.column_names))

    def told(kind: str, usual: tuple[str, ...], fits: Any) -> str | None:
        for marked in ([name for name in table.column_names if kinds.get(name) == kind], table.column_names):
            fitting = [name for name in marked if fits(table.schema.field(name).type)]
            named = [name for word in usual for name in fitting if name.casefold() == word]
            if named or (len(fitting) == 1 and kinds.get(fitting[0]) == kind):
                return str((named or fitting)[0])
        return None

    def holds_image(type_: pa.DataType) -> bool:
        if pa.types.is_struct(type_):
            return bool(type_.get_field_index("bytes") >= 0 or type_.get_field_index("path") >= 0)
        return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))

    def holds_label(type_: pa.DataType) -> bool:
        return any(bool(test(type_)) for test in (pa.types.is_integer, pa.types.is_string, pa.types.is_boolean))

    image = told("Image", _IMAGES, holds_image)
    if image is None:
        raise InputError(f"{where} has columns {listed} and none of images: call it `image`, with each file's bytes")
    label = told("ClassLabel", _LABELS, holds_label)
    several = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    if label is None and several:
        raise InputError(f"{where} has labels {', '.join(map(printable, several))}: call the one to use `label`")
    names = features.get(label, {}).get("names") if label else None
    people = reading.group_column if reading.split == "train" else None
    if people is not None and people not in table.column_names:
        raise InputError(f"{where} has no column {printable(people)}: it has {listed}")
    return _Columns(image, label, people, names)


def _features(table: pa.Table) -> dict[str, Any]:
    """What `datasets` wrote about the columns."""
    try:
        told = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _values(table: pa.Table, name: str | None) -> np.ndarray | None:
    if name is None:
        return None
    values = table[name].to_pylist()
    missing = sum(value is None for value in values)
    if missing:
        raise InputError(f"column {printable(name)} lacks {missing} of {len(values)} values: fill them in")
    return np.array(values)


def _cells(table: pa.Table, name: str) -> Iterator[Any]:
    for chunk in table[name].chunks:
        for cell in chunk:
            yield cell.as_py()


def _photo(cell: Any, name: str, folder: Path) -> Photo:
    if isinstance(cell, dict):
        if cell.get("bytes") is None and cell.get("path"):
            return read_photo(folder / cell["path"])
        cell = cell.get("bytes")
    return decode_photo(cell or b"", name)
