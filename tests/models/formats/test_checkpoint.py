from __future__ import annotations

import argparse
import enum
import json
import os
import pickle
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from guise.models.errors import InputError, WeightsError
from guise.models.formats.checkpoint import missing_shards, read_tables

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def check(tables: dict[str, dict[str, torch.Tensor]], place: str) -> None:
    assert set(tables) == {place} and set(tables[place]) == set(STATE)
    assert all(torch.equal(tables[place][name], tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "ckpt", "bin"])
def test_a_plain_table_is_read_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    for save in (save_file, torch.save):
        save(STATE, tmp_path / f"w.{suffix}")
        check(read_tables(tmp_path / f"w.{suffix}"), "")


def test_tables_are_found_in_their_wrappers(tmp_path: Path) -> None:
    torch.save(
        {"epoch": 3, "optimizer": {"state": {}, "lr": 0.1}, "outer": {"model": OrderedDict(STATE)}}, tmp_path / "w.pth"
    )
    check(read_tables(tmp_path / "w.pth"), "outer.model")


def test_settings_of_a_training_script_do_not_stand_in_the_way(tmp_path: Path) -> None:
    """As Lightning and argparse leave them; their classes are never made."""
    extra = {"hyper_parameters": argparse.Namespace(lr=0.1), "folder": Path("x"), "shape": torch.Size([2])}
    torch.save({"state_dict": STATE, **extra}, tmp_path / "w.ckpt")
    check(read_tables(tmp_path / "w.ckpt"), "state_dict")


class Settings(dict[str, object]):
    """As addict and easydict have it: a mapping of a class of its own, with attributes besides."""


class Steps(list[int]):
    """A list of a class of its own."""


class Kind(enum.Enum):
    LARGE = 1


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    "extra",
    [
        argparse.Namespace(lr=0.1, out=Path("x")),
        Settings(lr=0.1),
        defaultdict(list, {1: [2]}),
        Steps([1, 2]),
        {Kind.LARGE: {Kind.LARGE}},
        np.float64(3),
        np.arange(3),
        slice(1, 2),
    ],
)
def test_what_else_a_checkpoint_holds_does_not_matter(tmp_path: Path, extra: object, new_format: bool) -> None:
    if isinstance(extra, Settings):
        extra.frozen = False
    content = {"settings": extra, "state_dict": STATE}
    torch.save(content, tmp_path / "w.ckpt", _use_new_zipfile_serialization=new_format)
    check(read_tables(tmp_path / "w.ckpt"), "state_dict")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)


def test_a_network_that_was_saved_as_a_whole_gives_its_tensors(tmp_path: Path) -> None:
    network = Net()
    network.load_state_dict(STATE)
    torch.save({"model": network, "ema": None, "optimizer": None}, tmp_path / "w.pt")
    check(read_tables(tmp_path / "w.pt"), "model")
    torch.save([3, STATE], tmp_path / "w.pt")
    check(read_tables(tmp_path / "w.pt"), "1")


class Runs:
    def __reduce__(self) -> object:
        return os._exit, (7,)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "code": Runs()}, tmp_path / "w.ckpt")
    with pytest.raises(WeightsError, match="is refused: it cannot be loaded without running the code"):
        read_tables(tmp_path / "w.ckpt")


def test_weights_of_a_torchscript_file_are_read(tmp_path: Path) -> None:
    network = nn.Sequential(OrderedDict(a=nn.Linear(3, 2)))
    network.load_state_dict(STATE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(tmp_path / "w.pt")
    check(read_tables(tmp_path / "w.pt"), "")


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_shards_are_read_by_their_index_by_one_of_them_or_by_their_folder(tmp_path: Path, suffix: str) -> None:
    stem, save = ("model", save_file) if suffix == "safetensors" else ("pytorch_model", torch.save)
    names = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    for name, key in zip(names, STATE, strict=True):
        save({key: STATE[key]}, tmp_path / name)
    index = tmp_path / f"{stem}.{suffix}.index.json"
    index.write_text(json.dumps({"weight_map": dict(zip(STATE, names, strict=True))}))
    for path in (index, tmp_path / names[1], tmp_path):
        check(read_tables(path), "")
    other = index.rename(tmp_path / "any_name.index.json")
    check(read_tables(tmp_path), "")
    other.unlink()
    for path in (tmp_path / names[1], tmp_path):  # their names tell that they belong together
        check(read_tables(path), "")
    index.write_text(json.dumps({"weight_map": dict(zip(STATE, names, strict=True))}))
    (tmp_path / names[0]).unlink()
    with pytest.raises(WeightsError, match=rf"1 of 2 shards of .* are missing, such as {names[0]}"):
        read_tables(index)


def test_folders_of_training_runs_are_read_or_told(tmp_path: Path) -> None:
    torch.save({"module": STATE, "optimizer": None}, tmp_path / "mp_rank_00_model_states.pt")
    check(read_tables(tmp_path), "module")
    save_file(STATE, tmp_path / "weights.safetensors")  # the other file may be an optimizer's
    check(read_tables(tmp_path), "")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "__0_0.distcp").write_bytes(b"x")
    with pytest.raises(InputError, match=r"holds a distributed checkpoint; .*dcp_to_torch"):
        read_tables(tmp_path / "run")


def test_what_holds_no_tensors_is_told(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no table of tensors, but epoch, lr"):
        read_tables(tmp_path / "w.pth")
    with pytest.raises(InputError, match="does not exist"):
        read_tables(tmp_path / "none.pth")
    (tmp_path / "v.pth").write_bytes(b"x")
    with pytest.raises(
        InputError, match=r"is no file, but a folder; name one of its files of weights \(v.pth, w.pth\)"
    ):
        read_tables(tmp_path)


@pytest.mark.parametrize("new_format", [True, False])
def test_numbers_that_are_no_tensors_are_named(tmp_path: Path, new_format: bool) -> None:
    arrays = {name: tensor.numpy() for name, tensor in STATE.items()}
    lists = {name: tensor.tolist() for name, tensor in STATE.items()}
    for content, told in (
        ({"epoch": 3, "model": arrays}, "model.a.weight is a NumPy array"),
        (lists, "a.weight is a list"),
        (arrays["a.weight"], "its content is a NumPy array"),
    ):
        torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=new_format)
        with pytest.raises(WeightsError, match=rf"w.pth holds no tensors: {told}; save .*torch.as_tensor"):
            read_tables(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [STATE, {"model": {"a": np.ones(3)}}, argparse.Namespace(lr=0.1)])
def test_pickles_of_other_makers_are_told_from_those_of_torch(tmp_path: Path, content: object) -> None:
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"is a pickle that torch\.save did not write"):
        read_tables(tmp_path / "w.pkl")


def test_weights_of_an_exported_program_are_read(tmp_path: Path) -> None:
    network = Net()
    network.load_state_dict(STATE)
    torch.export.save(torch.export.export(network.a, (torch.zeros(1, 3),)), tmp_path / "w.pt2")
    (table,) = read_tables(tmp_path / "w.pt2").values()
    assert set(table) == {"weight", "bias"} and torch.equal(table["weight"], STATE["a.weight"])


def test_a_shard_without_the_others_is_told(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "model-00001-of-00003.safetensors")
    assert missing_shards(tmp_path) == "it is one of 3 shards; fetch them all"
    check(read_tables(tmp_path), "")  # it may hold all that is asked for
    for number in (2, 3):
        save_file({f"{number}": torch.ones(1)}, tmp_path / f"model-0000{number}-of-00003.safetensors")
    assert missing_shards(tmp_path) == ""
