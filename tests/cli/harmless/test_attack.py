from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.cli.command_line import check_refused
from tests.cli.harmless.commands import generate, harmless


def test_attack_says_what_is_recovered(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate(album, out).code == 0
    where = ("--model", "tiny:patches", "--input", "3x32x32")
    outcome = harmless("attack", album / "a.jpg", out / "a.png", *where, "--out", tmp_path / "found", "--json")
    names = [row["attack"] for row in outcome.report["attacks"]]
    assert names[0] == "none" and "projection" in names
    assert len(list((tmp_path / "found").glob("a.*.png"))) == len(names)
    (tmp_path / "found" / "a.projection.png").write_text("mine")
    taken = harmless("attack", album / "a.jpg", out / "a.png", *where, "--out", tmp_path / "found", "--json")
    assert taken.code == 1 and "a.projection.png: another file" in taken.stderr and taken.report == outcome.report
    assert "projection" in harmless("attack", album / "a.jpg", out / "a.png", *where).stdout


def test_attack_finds_the_original_among_others_by_the_output_that_was_kept(album: Path, tmp_path: Path) -> None:
    out, others = tmp_path / "out", tmp_path / "others"
    assert generate(album, out, "--exact-uint8", "--moves", "300").code == 0
    others.mkdir()
    for turn in (90, 180, 270):
        with Image.open(album / "a.jpg") as image:
            image.rotate(turn).save(others / f"{turn}.png")
    Image.new("RGB", (40, 40)).save(others / "large.png")
    where = ("--model", "tiny:patches", "--input", "3x32x32", "--among", others)
    outcome = harmless("attack", album / "a.jpg", out / "a.png", *where, "--json")
    assert "1 photo of" in outcome.stderr
    ranks = {row["attack"]: row["rank"] for row in outcome.report["attacks"]}
    assert ranks["none"]["by_output"] == 1 and {rank["candidates"] for rank in ranks.values()} == {4}
    assert ranks["projection"] == {"by_pixels": 1, "by_output": 1, "candidates": 4}
    assert "1 of 4" in harmless("attack", album / "a.jpg", out / "a.png", *where).stdout
    only = tmp_path / "only"
    only.mkdir()
    Image.new("RGB", (40, 40)).save(only / "large.png")
    check_refused(harmless("attack", album / "a.jpg", out / "a.png", *where[:-1], only), 2, "holds no other photo")
