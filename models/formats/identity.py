"""What a file is, by its first bytes: downloads of models often leave something else under a model's name."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from guise.models.errors import WeightsError
from guise.models.files.names import printable

_HEAD = 4096
_LFS = b"version https://git-lfs.github.com/spec/"
_OF_TORCH = (".pkl", "archive_format", "serialized_exported_program.json")
"""Ends of names of which each ZIP archive that torch writes holds one."""
_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes it",
    b"GGUF": "a GGUF file, whose weights are quantised",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"%PDF": "a PDF document",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"\x93NUMPY": "a NumPy array",
}


def check_model_file(path: Path) -> None:
    """Refuse a file that is no model at all, by what it is instead.

    Args:
        path: a file that exists.

    Raises:
        WeightsError: it is empty, a pointer to a file that was not fetched, a page or a message of a server, cut short,
            or of a format that is not read.
    """
    told = _otherwise(path)
    if told:
        raise WeightsError(f"{printable(path)} is {told}")


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors files do: the length of a header, and the header's first brace.

    Args:
        path: a file that exists.

    Returns:
        True where it does.
    """
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 2**27


def entries(path: Path) -> list[str]:
    """The names of what lies in a ZIP archive.

    Args:
        path: a file that exists.

    Returns:
        As the archive lists them; none where it is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


def _otherwise(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    size = path.stat().st_size
    if not head:
        return "empty; fetch it again"
    if len(head) == _HEAD and not any(head):
        return f"nothing but zeros in its first {_HEAD:,} bytes, as a broken download leaves it; fetch it again"
    if head.startswith(_LFS):
        return f"a Git LFS pointer to {_bytes_of(head)}; fetch them first, as with `git lfs pull`"
    if head.startswith((b"/annex/objects/", b"../.git/annex", b".git/annex")):
        return "a git-annex pointer; fetch its content first, as with `git annex get`"
    for magic, told in _MAGIC.items():
        if head.startswith(magic):
            return told if told.endswith("first") else f"{told}, no model that is read here; name the model's own file"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:200].lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<script", b"<body", b"<!--")):
        return f"a web page{_title(text)}, not the file that its link leads to; fetch the file itself"
    if lower.startswith((b"<?xml", b"<error")):
        return f"an XML answer of a server ({_start(text)}); fetch the file itself"
    if is_safetensors(path):
        return _cut_short(path, size)
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    if text.startswith((b"{", b"[")) and _is_json(path, size):
        return f"JSON text ({_start(text)}), which holds no weights; name the file with the weights"
    if size < _HEAD and _is_text(head):
        return f"text ({_start(text)}), no model; fetch the file itself"
    return _of_archive(path, size) if head.startswith(b"PK\x03\x04") else None


def _of_archive(path: Path, size: int) -> str | None:
    """ZIP archives are models of torch where they hold what torch puts into each of its own."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        if not _has_end(path, size):
            return f"a ZIP archive that was cut short after {size:,} bytes; fetch it again"
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays, which is not read here; save the weights as .safetensors"
    if names and not any(name.endswith(_OF_TORCH) for name in names):
        return f"a ZIP archive of {printable(names[0][:60])} and such: unpack it first"
    return None


def _bytes_of(pointer: bytes) -> str:
    size = re.search(rb"^size (\d+)\r?$", pointer, re.MULTILINE)
    return f"weights of {int(size[1]):,} bytes" if size else "weights that are not here"


def _title(page: bytes) -> str:
    title = re.search(rb"<title[^>]*>\s*(.*?)\s*</title>", page, re.IGNORECASE | re.DOTALL)
    return f" ({_start(title[1])})" if title and title[1] else ""


def _start(text: bytes) -> str:
    return printable(" ".join(text[:200].decode("utf-8", "replace").split())[:60])


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)


def _is_json(path: Path, size: int) -> bool:
    if size > 2**26:
        return False
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _cut_short(path: Path, size: int) -> str | None:
    """Safetensors say in their header where their last tensor ends."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    try:
        tensors = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        whole = 8 + length
    if size < whole:
        return f"cut short: {size:,} of {whole:,} bytes are there; fetch it again"
    return None


def _has_end(path: Path, size: int) -> bool:
    """ZIP archives end with a directory of what they hold; a comment may follow."""
    with path.open("rb") as file:
        file.seek(max(0, size - 2**16 - 22))
        return b"PK\x05\x06" in file.read()
