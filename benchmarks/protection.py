"""How well masks protect people they were learnt for, on photos they never saw, by judges that took no part.

    python -m benchmarks.protection --data ../shared/data/lfw --users 10 --strengths low,mid,high --out results/dlib

Each user goes through what `protect` does, on files in a temporary folder; judges see the written files only. Run
again, finished (user, strength) pairs are kept; runs with other surrogates may share --out, and its tables.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import click
import numpy as np

from benchmarks import people, report, scoring
from benchmarks.judges import Judge, load_judge
from benchmarks.session import AS_LEARNT, Plan, Preset, Session
from chameleon.faces import FaceDetector
from chameleon.learning import LearningSettings
from chameleon.perception.budget import STRENGTHS
from chameleon.protection import FaceReader
from chameleon.refinement import RefinementSettings
from models import load_recogniser
from models.errors import FaceError, GuiseError, InputError
from models.files import Manifest
from models.registry import TEAM

_DATA = Path(__file__).parents[2] / "shared" / "data"
_LINES = "lines.jsonl"


def measure(users: Sequence[people.User], strengths: Sequence[str], plan: Plan, reader: FaceReader, out: Path) -> bool:
    """Add a line to `out` for each user and strength that has none; whether all users could be measured."""
    lines, version, complete = Manifest(out / _LINES), report.code_version(), True
    for user in users:
        names = {strength: f"{user.alias}/{strength}" for strength in strengths}
        # People go by their alias alone, so there is no source to name.
        missing = [strength for strength, name in names.items() if lines.find("", plan.digest, name) is None]
        if not missing:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                session = Session(user, Path(folder), plan, reader)
                for strength in missing:
                    line = session.measure(strength, partial(_progress, f"{user.alias} {strength}: learning"))
                    key = {"source_sha256": "", "settings_hash": plan.digest, "name": names[strength]}
                    lines.append({**key, "learning": plan.label, "strength": strength, **version, **line})
        except FaceError as error:
            click.echo(f"{user.alias} is left out: {error}", err=True)
            complete = False
    return complete


def _progress(what: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        click.echo(f"{what} {done}/{total}", err=True)


def _judges(
    names: Sequence[str], data: Path, out: Path, *, strangers: int, seed: int
) -> dict[str, tuple[Judge, np.ndarray]]:
    photos = people.strangers(data, count=strangers, seed=seed)
    judges = {}
    for name in names:
        judge = load_judge(name, _DATA)
        cache = out / f"strangers-{judge.name.replace(':', '-')}-{strangers}-{seed}.npz"
        progress = partial(_progress, f"{judge.name}: strangers", total=len(photos))
        judges[judge.name] = judge, scoring.known_strangers(judge, photos, cache=cache, progress=progress)
    return judges


def _strengths(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    allowed = (*STRENGTHS, AS_LEARNT)
    chosen = [name.strip() for name in value.split(",")]
    for name in chosen:
        if name not in allowed:
            raise click.BadParameter(f"{name!r} is none of {', '.join(allowed)}")
    return chosen


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=_DATA / "lfw", help="One folder a person.")
@click.option("--users", "count", default=10, show_default=True, help="People to protect.")
@click.option("--strengths", default="low,mid,high", show_default=True, callback=_strengths, help="Or as-learnt.")
@click.option("--surrogates", multiple=True, default=TEAM, show_default=True, help="Repeatable.")
@click.option("--judges", multiple=True, default=["dlib", "judge-mobilefacenet"], show_default=True)
@click.option("--preset", type=click.Choice(get_args(Preset)), default="guise", show_default=True)
@click.option("--steps", default=LearningSettings().steps, show_default=True, help="Not of the paper's procedure.")
@click.option("--refine", default=RefinementSettings().steps, show_default=True, help="Steps a photo; 0: none.")
@click.option("--learn-at", type=click.Choice(list(STRENGTHS)), help="Learn once, for that strength.")
@click.option("--strangers", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for lines, tables and caches.")
def main(
    data: Path,
    count: int,
    strengths: list[str],
    surrogates: tuple[str, ...],
    judges: tuple[str, ...],
    preset: Preset,
    steps: int,
    refine: int,
    learn_at: str | None,
    strangers: int,
    seed: int,
    out: Path,
) -> None:
    command = shlex.join(["python", "-m", "benchmarks.protection", *sys.argv[1:]])
    try:
        if AS_LEARNT in strengths and preset != "paper" and learn_at is None:
            raise InputError(f"{AS_LEARNT} names no budget to learn for: add --learn-at")
        if not data.is_dir():
            raise InputError(f"the photos are not there: no folder {data}; see --data")
        users = people.users(data, count=count, seed=seed)
        reader = FaceReader(FaceDetector(), load_recogniser("dlib-resnet"))
        plan = Plan(
            [load_recogniser(name) for name in surrogates],
            preset,
            steps,
            refine,
            learn_at or "",
            seed,
            _judges(judges, data, out, strangers=strangers, seed=seed),
        )
    except GuiseError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    complete = measure(users, strengths, plan, reader, out)
    click.echo(report.write(out, command=command, lines=report.read_lines(out / _LINES)))
    sys.exit(0 if complete else 3)


if __name__ == "__main__":
    main()
