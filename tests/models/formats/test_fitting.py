from __future__ import annotations

import pytest
import torch
from torch import Tensor

from guise.models.formats.fitting import fit

NETWORK = {"stem.weight": torch.zeros(4, 3), "stem.bias": torch.zeros(4), "head.weight": torch.zeros(10, 4)}


def given(*, seed: int = 1, **changes: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {name: torch.randn_like(tensor) for name, tensor in NETWORK.items()} | changes


@pytest.mark.parametrize(
    "prefix", ["", "module.", "model.", "backbone.", "_orig_mod.", "module._orig_mod.model.", "student.net."]
)
def test_any_prefix_is_taken_off(prefix: str) -> None:
    state = given()
    best = fit({"": {prefix + name: tensor for name, tensor in state.items()}}, NETWORK)
    assert not best.faults and all(torch.equal(best.tensors[name], state[name]) for name in NETWORK)


def test_names_may_be_parted_by_slashes() -> None:
    state = given()
    best = fit({"": {f"net/{name.replace('.', '/')}": tensor for name, tensor in state.items()}}, NETWORK)
    assert not best.faults and all(torch.equal(best.tensors[name], state[name]) for name in NETWORK)


def test_a_prefix_that_the_network_has_and_the_file_has_not_is_put_before() -> None:
    state = given()
    network = {f"encoder.{name}": tensor for name, tensor in NETWORK.items()}
    assert set(fit({"": state}, network).tensors) == set(network)
    assert set(fit({"": {f"model.{name}": tensor for name, tensor in state.items()}}, network).tensors) == set(network)


def test_wrappers_in_the_middle_of_names_are_taken_out_on_both_sides() -> None:
    state = {"stem._orig_mod.weight": torch.ones(4, 3), "stem._orig_mod.bias": torch.ones(4)}
    assert set(fit({"": state}, NETWORK).tensors) == {"stem.weight", "stem.bias"}
    compiled = {f"_orig_mod.{name}": tensor for name, tensor in NETWORK.items()}
    assert set(fit({"": given()}, compiled).tensors) == set(compiled)


def test_what_does_not_fit_is_left_out_with_its_reason() -> None:
    state = given(**{"head.weight": torch.zeros(7, 4), "stem.bias": torch.zeros(4, dtype=torch.int8)})
    best = fit({"model": state}, NETWORK)
    assert set(best.tensors) == {"stem.weight"}
    assert best.faults["head.weight"] == "is of 7x4 in it, of 10x4 in the network"
    assert best.faults["stem.bias"].startswith("is int8 in it")
    del state["head.weight"]
    assert fit({"model": state}, NETWORK).faults["head.weight"] == "is not in it as a tensor"


def test_the_table_that_fits_best_counts_and_rivals_are_named() -> None:
    optimizer = {"stem.weight": torch.zeros(4, 3)}
    tables = {"optimizer.state": optimizer, "student": given(seed=1), "teacher": given(seed=2)}
    best = fit(tables, NETWORK)
    assert best.table == "teacher" and best.rivals == ("student",)
    assert torch.equal(best.tensors["stem.bias"], tables["teacher"]["stem.bias"])


@pytest.mark.parametrize(
    ("meant", "other"),
    [("teacher.backbone", "student.backbone"), ("module.encoder_q", "module.encoder_k"), ("online", "target")],
)
def test_of_two_networks_in_one_table_one_is_read_and_the_other_named(meant: str, other: str) -> None:
    states = {meant: given(seed=1), other: given(seed=2)}
    table = {f"{prefix}.{name}": tensor for prefix in (other, meant) for name, tensor in states[prefix].items()}
    best = fit({"state_dict": table | {"queue": torch.zeros(2)}}, NETWORK)
    assert best.table == f"state_dict.{meant}" and best.rivals == (f"state_dict.{other}",)
    assert all(torch.equal(best.tensors[name], states[meant][name]) for name in NETWORK)


def test_nothing_fits_another_network() -> None:
    assert not fit({"": {"conv.weight": torch.zeros(2, 2)}}, NETWORK).tensors


def test_tensors_without_plain_numbers_are_left_out_with_their_reason() -> None:
    weight = torch.ones(4, 3)
    for tensor, told in (
        (weight.to("meta"), "has no values in it"),
        (weight.to_sparse(), "is sparse_coo in it"),
        (weight.to(torch.complex64), "is complex64 in it"),
    ):
        assert fit({"": given(**{"stem.weight": tensor})}, NETWORK).faults["stem.weight"].startswith(told)


def test_float8_is_read_where_no_scales_belong_to_it() -> None:
    eight = given(**{"stem.weight": torch.ones(4, 3).to(torch.float8_e4m3fn)})
    assert "stem.weight" in fit({"": eight}, NETWORK).tensors
    for end in ("_scale", "_scale_inv"):
        scaled = {**eight, f"stem.weight{end}": torch.tensor(2.0)}
        assert "scales that are not applied" in fit({"": scaled}, NETWORK).faults["stem.weight"]
