from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.cli.command_line import check_refused, hashes
from tests.cli.harmless.commands import harmless
from tests.harmless.adapters.files import low_rank, save_adapter, save_model


def test_adapters_are_inspected_and_projected(tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = torch.randn(16, 12)
    save_model(tmp_path / "base", {"model.q_proj.weight": base})
    save_model(tmp_path / "aligned", {"model.q_proj.weight": base + low_rank(16, 12, 1, 1)})
    save_adapter(tmp_path / "adapter", {"model.q_proj": (torch.randn(2, 12), torch.randn(16, 2))})
    before = hashes(tmp_path)
    where = (tmp_path / "adapter", "--base", tmp_path / "base", "--aligned", tmp_path / "aligned")
    looked = harmless("adapter", "inspect", *where)
    assert looked.code == 0 and "1 of 16" in looked.stdout and hashes(tmp_path) == before
    outcome = harmless(
        "adapter", "project", *where, "--out", tmp_path / "out", "--plot", tmp_path / "plot.png", "--json"
    )
    (layer,) = outcome.report["layers"]
    assert layer["projected"] and layer["cosine"] < 0.5 and layer["cosine_after"] > 0.999
    assert (tmp_path / "plot.png").is_file() and load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert {name: digest for name, digest in hashes(tmp_path).items() if name in before} == before
    check_refused(harmless("adapter", "project", *where, "--out", tmp_path / "out"), 2, "is there already", "--out")
    check_refused(harmless("adapter", "inspect", *where, "--threshold", "3"), 2, "--threshold 3 is no share")
