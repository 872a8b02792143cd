"""`guise models team`: which recognisers fail on different photos."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.models.errors import InputError
from guise.models.files import check_writable
from guise.models.recognisers import registry
from guise.models.recognisers.teams import named
from guise.models.weights import weight_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from guise.chameleon.evaluation.diversity import RankOneErrors, Team

_MOST_SHOWN = 10
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--faces", type=_FOLDER, required=True, help="A folder that holds one folder for each person.")
@click.option("--pool", multiple=True, help="A candidate (repeatable). [default: all whose weights are here]")
@click.option("--size", default=2, show_default=True, type=click.IntRange(2), help="How many recognisers make a team.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw all teams into this PNG.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...")
@click.option("--offline", is_flag=True, help="Open no connection.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
def team(
    faces: Path, pool: tuple[str, ...], size: int, plot: Path | None, device: str, offline: bool, as_json: bool
) -> None:
    """Rank teams of recognisers by focal diversity: when one member fails, how seldom do the others fail too?

    Each face searches all other faces. A recogniser fails where the nearest face is somebody else's. Few failures make
    an uncertain figure, so use photos of many people. Diversity alone does not make good surrogates: we chose the
    default team of `protect` by how well its masks held, not by this figure.
    """
    from guise.chameleon.evaluation.diversity import measure_failures, rank_teams
    from guise.chameleon.faces.detection import FaceDetector
    from guise.models import load_recognisers
    from guise.models.devices import best_device
    from guise.models.files.pictures import check_picture

    names = list(dict.fromkeys(pool)) or [
        r.name for r in registry.RECORDS.values() if weight_file.state(r) != "not fetched"
    ]
    for name in names:
        if not name.startswith("file:"):
            registry.get(name)
    if size > len(names):
        raise InputError(f"a team of {size} cannot be made of a pool of {len(names)}: name more with --pool")
    if plot is not None:
        check_picture(plot, "plot", [faces])
        check_writable(plot.resolve().parent)
    console.warn_quietly()
    device = best_device(device)
    with console.download_bar() as bar:
        recognisers = load_recognisers(names, device=device, offline=offline, progress=bar, announce=console.message)
    with console.steps() as step:
        errors = measure_failures(
            faces, FaceDetector(device=device), recognisers, progress=lambda *at: step("embedding", *at)
        )
    teams = rank_teams(errors.failures, size=size)
    if plot is not None:
        _draw(teams, plot)
    if as_json:
        click.echo(json.dumps(_as_json(errors, teams), indent=1))
        return
    console.table([{k: str(v) for k, v in row.items()} for row in _members(errors.failures)])
    click.echo()
    console.table(
        [
            {
                "rank": str(rank),
                "team": " + ".join(ranked.members),
                "focal diversity": f"{ranked.diversity:.3f}",
                "rank-1 accuracy": f"{ranked.accuracy:.4f}",
            }
            for rank, ranked in enumerate(teams[:_MOST_SHOWN], 1)
        ]
    )
    for ranked in named("default"), named("wide"):
        click.echo(f"\nThe {ranked.name} team of `protect` is {' + '.join(ranked.members)}: {ranked.why}.")
        for kind in ranked.missing:
            click.echo(f"Left out, as it is not here: {kind}.")


def _members(failures: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "queries": len(failed),
            "negatives": int(failed.sum()),
            "rank-1 accuracy": round(float(1 - failed.mean()), 4),
        }
        for name, failed in failures.items()
    ]


def _as_json(errors: RankOneErrors, teams: Sequence[Team]) -> dict[str, Any]:
    """The whole result. `negative_queries` are photos below --faces on which a recogniser failed."""
    negatives = {
        name: [path.as_posix() for path, wrong in zip(errors.queries, failed, strict=True) if wrong]
        for name, failed in errors.failures.items()
    }
    return {
        **{f"{name}_team": dataclasses.asdict(named(name)) for name in ("default", "wide")},
        "members": [{**row, "negative_queries": negatives[row["name"]]} for row in _members(errors.failures)],
        "teams": [
            {
                "members": ranked.members,
                "focal_diversity": ranked.diversity,
                "rank1_accuracy": ranked.accuracy,
                "generalised_diversity": dict(zip(ranked.members, ranked.generalised, strict=True)),
            }
            for ranked in teams
        ],
    }


def _draw(teams: Sequence[Team], path: Path) -> None:
    """Draw all teams by accuracy and diversity, and name the best three."""
    from matplotlib.figure import Figure

    from guise.models.files.pictures import save_figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="mean rank-1 accuracy of the members", ylabel="focal diversity")
    axes.scatter([ranked.accuracy for ranked in teams], [ranked.diversity for ranked in teams])
    for best in teams[:3]:
        axes.annotate(" + ".join(best.members), (best.accuracy, best.diversity), ha="center", va="bottom", fontsize=8)
    axes.margins(x=0.3, y=0.15)
    save_figure(figure, path)
