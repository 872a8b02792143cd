from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.command_line import check_refused
from tests.cli.harmless.commands import harmless


def test_accuracy_falls_with_both_perturbations(tmp_path: Path, album: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "set.npz", images=random.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8), labels=np.arange(7) % 3
    )
    where = ("tiny:patches", "--input", "3x32x32", "--input-epsilon", "4", "--weight-epsilon", "0.002", "--steps", "3")
    told = harmless(
        "robustness", *where, "--images", tmp_path / "set.npz", "--plot", tmp_path / "plot.png", "--json"
    ).report
    assert told["input_epsilons"] == [0, 4] and told["weight_epsilons"] == [0, 0.002] and told["labels"] == "given"
    for surface in (told["accuracy"], told["margin"], told["certified"]):
        (a, b), (c, d) = surface
        assert a >= b >= d and a >= c >= d
    assert (tmp_path / "plot.png").is_file() and told["certified"][0][0] == told["accuracy"][0][0]
    own = harmless("robustness", *where, "--images", album)
    assert own.code == 0 and "4 levels" in own.stdout and "100%" in own.stdout
    again = harmless("robustness", *where, "--images", album)
    assert again.stdout == own.stdout


def test_slips_are_one_line(tmp_path: Path, album: Path) -> None:
    where = ("--images", album, "--input", "3x32x32")
    check_refused(
        harmless("robustness", "tiny:patches", *where, "--weight-epsilon", "-1"), 2, "--weight-epsilon -1 is no size"
    )
    np.savez(tmp_path / "set.npz", images=np.zeros((2, 8, 8), np.uint8), labels=np.zeros(2))
    there = ("--images", tmp_path / "set.npz", "--input", "3x32x32")
    check_refused(harmless("robustness", "tiny:patches", *there), 2, "are uint8 (2, 8, 8), the model takes 3x32x32")
    for labels, fault in (([0, 99], "holds the label 99"), ([0, -1], "holds the label -1"), ([], "holds no images")):
        photos = np.zeros((len(labels), 32, 32, 3), np.uint8)
        np.savez(tmp_path / "set.npz", images=photos, labels=np.array(labels, int))
        check_refused(harmless("robustness", "tiny:patches", *there), 2, fault)
    for broken in (b"", b"PK\x03\x04 cut short", (tmp_path / "set.npz").read_bytes()[:200]):
        (tmp_path / "set.npz").write_bytes(broken)
        check_refused(harmless("robustness", "tiny:patches", *there), 2, "holds no `images` and `labels`")
    check_refused(harmless("robustness", "guise-vit", "--images", album), 2, "name one classifier")
