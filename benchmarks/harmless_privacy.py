"""Measure what the attack suite recovers of pictures whose null part was replaced.

    python -m benchmarks.harmless_privacy --others ../shared/data/lfw --out docs/harmless-privacy

It writes OUT.md and OUT.json, the page docs/harmless-privacy.md. It attacks pictures of scikit-image. The folder
--others holds strangers, among whom an attack looks for the original.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import skimage.data
import torch

from benchmarks.harmless_speed import smooth_filters
from benchmarks.provenance import code_version, environment
from benchmarks.scenes import resized
from guise.harmless import FillSettings, LoadedModel, Projector, Source, fill, load, null_space
from guise.harmless.pictures.attacks import recover
from guise.harmless.pictures.identity import Gallery
from guise.harmless.pictures.targets import parse
from guise.models.files import atomic_write, list_photos, read_photo

_VERSIONS, _OTHERS = 8, 200
_SQUARES = {"astronaut": (0, 100, 250), "chelsea": (0, 80, 300), "coffee": (0, 100, 400)}  # top, left, side
_SPACES = {
    "guise-vit, as it comes": Source("guise-vit"),
    "ViT-B/32, white filters": Source("vit_b_32"),
    "ViT-B/32, smooth filters": Source("vit_b_32"),
    "ViT-B/16 on grey photos": Source("vit_b_16", preprocess="gray"),
}


def _spaces() -> Iterator[tuple[str, LoadedModel]]:
    for name, source in _SPACES.items():
        loaded = load(source)
        if name.endswith("smooth filters"):
            loaded.model.get_submodule("network.conv_proj").load_state_dict({"weight": smooth_filters()}, strict=False)
        yield name, loaded


def _pictures(side: int) -> list[np.ndarray]:
    squares = []
    for name, (top, left, size) in _SQUARES.items():
        whole = getattr(skimage.data, name)()[top : top + size, left : left + size]
        squares.append(resized(whole, side))
    return squares


def _others(folder: Path, side: int) -> list[np.ndarray]:
    paths = list_photos(folder).photos
    chosen = np.random.default_rng(0).permutation(len(paths))[:_OTHERS]
    return [resized(read_photo(folder / paths[at]).pixels, side) for at in chosen]


def _attacked(loaded: LoadedModel, null: Projector, strangers: list[np.ndarray], mode: str) -> list[dict[str, Any]]:
    """What each attack recovers: means over the pictures."""
    side, rows = loaded.input_shape[1], []
    for picture in _pictures(side):
        settings = FillSettings(mode=mode)  # type: ignore[arg-type]
        targets = [parse("noise")(side, side, seed) for seed in range(_VERSIONS)]
        versions = [fill(picture, null, target, settings=settings) for target in targets]
        gallery = Gallery(picture, strangers, loaded.model)
        rows.append(
            [
                {
                    "attack": result.attack,
                    "needs_weights": result.needs_weights,
                    **asdict(result.similarity),
                    **asdict(gallery.rank(result.picture)),
                }
                for result in recover(picture, versions, null)
            ]
        )
    return [_mean(same) for same in zip(*rows, strict=True)]


def _mean(rows: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    means = {name: rows[0][name] for name in ("attack", "needs_weights", "candidates")}
    for name in ("ssim", "psnr"):
        known = [row[name] for row in rows if row[name] is not None]
        means[name] = float(np.mean(known)) if known else None
    return means | {f"found_{name}": sum(row[name] == 1 for row in rows) for name in ("by_pixels", "by_output")}


@click.command(help=__doc__)
@click.option("--others", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Without its suffix.")
def main(others: Path, out: Path) -> None:
    torch.manual_seed(0)
    spaces: dict[str, Any] = {}
    for name, loaded in _spaces():
        space = null_space(loaded)
        strangers = _others(others, loaded.input_shape[1])
        modes = {mode: _attacked(loaded, space.projector, strangers, mode) for mode in ("replace", "add")}
        spaces[name] = {"dimensions": space.n, "disclosed": space.n - space.nullity, "modes": modes}
        click.echo(name, err=True)
    command = shlex.join(["python", "-m", "benchmarks.harmless_privacy", *sys.argv[1:]])
    results = {"command": command, "spaces": spaces, **code_version(), "environment": environment()}
    for suffix, text in ((".json", json.dumps(results, indent=1) + "\n"), (".md", as_markdown(results))):
        with atomic_write(out.with_suffix(suffix)) as file:
            file.write(text.encode())


def as_markdown(results: dict[str, Any]) -> str:
    """The privacy page."""
    strangers = next(iter(results["spaces"].values()))["modes"]["replace"][0]["candidates"] - 1
    lines = [
        "# What others recover of a harmless picture",
        "",
        f"`{results['command']}` made this page at {results['commit'][:12]}; "
        "the figures are in the JSON file next to it.",
        f"Three pictures, noise as target, {_VERSIONS} versions of each. SSIM is to the original; 1 is all of it.",
        f"`found by output`: how many of the three the model's own output puts first among {strangers} strangers.",
        "",
        "This is no promise of privacy. Anybody who holds the weights recovers what the model reads. A stranger with a",
        "blur comes close to that if filters are smooth. The model's output, which was kept, finds the original.",
        "",
    ]
    for name, space in results["spaces"].items():
        share = space["disclosed"] / space["dimensions"]
        lines += [
            f"## {name}",
            "",
            f"Discloses {space['disclosed']:,} of {space['dimensions']:,} numbers ({share:.0%}).",
            "",
        ]
        lines += [
            "| attack | needs the weights | SSIM, replaced | SSIM, added | found by output, replaced |",
            "|---|---|---|---|---|",
        ]
        for replaced, added in zip(*space["modes"].values(), strict=True):
            weights = "yes" if replaced["needs_weights"] else "no"
            rank = f"{replaced['found_by_output']} of {len(_SQUARES)}"
            lines.append(
                f"| {replaced['attack']} | {weights} | {replaced['ssim']:.2f} | {added['ssim']:.2f} | {rank} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
