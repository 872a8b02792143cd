from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from guise.models.errors import WeightsError
from guise.models.formats.identity import check_model_file

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 46830571\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (POINTER.encode(), "is a Git LFS pointer to weights of 46,830,571 bytes"),
        (b"/annex/objects/SHA256E-s46830571--ab.pth\n", "is a git-annex pointer"),
        (b"\n<!DOCTYPE html><html><head><title>Sign in\n now</title>", r"is a web page \(Sign in now\)"),
        (POINTER.replace("\n", "\r\n").encode(), "weights of 46,830,571 bytes"),
        (b"<HTML><BODY>404", "is a web page"),
        (b"<!-- saved --><!doctype html>", "is a web page"),
        (bytes(5000), "is nothing but zeros in its first 4,096 bytes"),
        (b"BZh91AY&SY" + bytes(90), "is a bzip2 archive: unpack it first"),
        (bytes([1]) + bytes(256) + b"ustar" + bytes(90), "is a tar archive: unpack it first"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "is an XML answer of a server.*AccessDenied"),
        (b'{"error": "Repository not found"}', "is JSON text.*not found"),
        (b"Entry not found", r"is text \(Entry not found\)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "is an HDF5 file"),
        (b"GGUF\x03" + bytes(90), "is a GGUF file"),
        (b"\x1f\x8b\x08" + bytes(90), "is a gzip archive: unpack it first"),
        (b"PK\x03\x04" + bytes(5000), "is a ZIP archive that was cut short"),
    ],
)
def test_what_lies_under_a_models_name_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        check_model_file(path)
    assert "\n" not in str(caught.value)


def test_archives_of_other_files_are_told(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3)}, tmp_path / "inner.pth")
    with zipfile.ZipFile(tmp_path / "outer.pth", "w") as archive:
        archive.write(tmp_path / "inner.pth", "weights/inner.pth")
    with pytest.raises(WeightsError, match=r"is a ZIP archive of weights/inner.pth and such: unpack it first"):
        check_model_file(tmp_path / "outer.pth")
    check_model_file(tmp_path / "inner.pth")


def test_arrays_of_numpy_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{"embedding.kernel": np.ones(3)})
    with pytest.raises(WeightsError, match="is an archive of NumPy arrays"):
        check_model_file(tmp_path / "w.npz")


def test_safetensors_that_were_cut_short_are_told_and_whole_ones_pass(tmp_path: Path) -> None:
    whole, short = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file({"w": torch.rand(30, 30)}, whole)
    check_model_file(whole)
    for length in (60, 2000):
        short.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(WeightsError, match=rf"is cut short: {length:,} of"):
            check_model_file(short)


def test_pickles_pass(tmp_path: Path) -> None:
    for index, new in enumerate((True, False)):
        path = tmp_path / f"{index}.pth"
        torch.save({"w": torch.rand(3)}, path, _use_new_zipfile_serialization=new)
        check_model_file(path)


def test_an_index_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_text(json.dumps({"weight_map": {"w": "a.bin"}}))
    with pytest.raises(WeightsError, match="is JSON text"):
        check_model_file(path)
