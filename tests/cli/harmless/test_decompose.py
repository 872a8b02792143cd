from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.cli.harmless.commands import generate, harmless


def test_decompose_shows_that_the_harmful_part_does_it_all(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate(album, out).code == 0
    noisy = tmp_path / "noisy"
    (noisy / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "sub/b.png"):
        with Image.open(album / name) as image:
            pixels = np.asarray(image.convert("RGB")) + rng.normal(0, 20, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(noisy / name, "PNG")
    where = ("--model", "tiny:patches", "--input", "3x32x32", "--images", album)
    outcome = harmless("decompose", *where, "--perturbed", noisy, "--out", tmp_path / "parts", "--json")
    for row in outcome.report["photos"]:
        assert 0.7 < row["harmless_share"] < 0.8  # white noise: as large as the null space
        assert row["effect"] > 1e-3 and row["unexplained"] < 1e-12
    assert len(list((tmp_path / "parts").rglob("*.png"))) == 4
    made = harmless("decompose", *where, "--perturbed", out)  # holds a.png, made of a.jpg
    assert made.code == 0 and "a.jpg" in made.stdout
    (out / "a.png").unlink()
    missing = harmless("decompose", *where, "--perturbed", out)
    assert missing.code == 3 and "not done: a.jpg" in missing.stderr and "sub/b.png" in missing.stdout
    (tmp_path / "parts" / "a.jpg.harmful.png").write_text("mine")
    taken = harmless("decompose", *where, "--perturbed", noisy, "--out", tmp_path / "parts")
    assert taken.code == 3 and "not done: a.jpg: cannot write" in taken.stderr and "sub/b.png" in taken.stdout
    assert (tmp_path / "parts" / "a.jpg.harmful.png").read_text() == "mine"


def test_decompose_says_where_a_model_runs_in_single_precision_only(album: Path) -> None:
    where = ("--model", "tiny:Constant", "--input", "3x32x32", "--images", album, "--perturbed", album)
    outcome = harmless("decompose", *where, "--json")
    assert outcome.code == 0 and "does not run in float64" in outcome.stderr
    assert all(row["effect"] == 0 for row in outcome.report["photos"])
