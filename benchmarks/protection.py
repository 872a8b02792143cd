"""Measure how well masks protect their users, on photos that the masks never saw, by judges that took no part.

    python -m benchmarks.protection --data ../shared/data/lfw --users 20 --methods ours,mask,paper,opom,none \\
        --leave-out each --robust --attack --out results

Each user goes through what `protect` does, on files in a temporary folder. Judges see the written files only. The
judges are those named, and each surrogate (white box). A surrogate that is left out of the team judges what the others
have made. A second run keeps what is finished. Runs with other options may share --out and its tables.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast, get_args

import click
import numpy as np

from benchmarks import ablation, people, provenance, report, scoring
from benchmarks.judges import Judge, load_judge
from benchmarks.plan import AS_LEARNT, Method, Plan
from benchmarks.session import Session
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.learning.refine import RefinementSettings
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.errors import FaceError, GuiseError, InputError
from guise.models.files import Manifest, settings_hash
from guise.models.recognisers.registry import TEAM

_DATA = Path(__file__).parents[2] / "shared" / "data"
_LINES = "lines.jsonl"


def measure(
    users: Sequence[people.User], strengths: Sequence[str], plan: Plan, reader: FaceReader, out: Path, *, command: str
) -> bool:
    """Add a line to `out` for each user and strength that has none; whether all users could be measured."""
    lines, version, complete = Manifest(out / _LINES), provenance.code_version(), True
    for user in users:
        names = {strength: f"{user.alias}/{strength}" for strength in strengths}
        # People go by their alias alone, so there is no source to name.
        missing = [strength for strength, name in names.items() if lines.find("", plan.digest, name) is None]
        if not missing:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder, ablation.without(plan.without):
                session = Session(user, Path(folder), plan, reader)
                for strength in missing:
                    line = session.measure(strength, partial(_progress, f"{user.alias} {strength}: learning"))
                    key = {"source_sha256": "", "settings_hash": plan.digest, "name": names[strength]}
                    said = {"learning": plan.label, "strength": strength, "command": command}
                    lines.append({**key, **said, **version, **line})
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
        weights = settings_hash({"weights": judge.weights, "photos": [photo.name for photo in photos]})
        cache = out / f"strangers-{judge.name.replace(':', '-')}-{weights}.npz"
        progress = partial(_progress, f"{judge.name}: strangers", total=len(photos))
        judges[judge.name] = judge, scoring.known_strangers(judge, photos, cache=cache, progress=progress)
    return judges


def _methods(_: click.Context, __: click.Parameter, value: str) -> list[Method]:
    chosen = [name.strip() for name in value.split(",")]
    for name in chosen:
        if name not in get_args(Method):
            raise click.BadParameter(f"{name!r} is none of {', '.join(get_args(Method))}")
    return cast(list[Method], chosen)


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
@click.option("--methods", default="ours", show_default=True, callback=_methods, help="Of ours,mask,paper,opom,none.")
@click.option("--surrogates", multiple=True, default=TEAM, show_default=True, help="Repeatable.")
@click.option(
    "--leave-out", multiple=True, help="Surrogates to leave out in turn (repeatable), a+b together, or each; ours only."
)
@click.option(
    "--without", multiple=True, type=click.Choice(list(ablation.PARTS)), help="Parts to do without in turn; ours only."
)
@click.option("--judges", multiple=True, default=["dlib", "judge-mobilefacenet"], show_default=True)
@click.option("--robust", is_flag=True, help="Judge also what software on the way makes of the photos.")
@click.option("--attack", is_flag=True, help="Judge also what opponents who know the tool make of them.")
@click.option("--steps", default=LearningSettings().steps, show_default=True, help="Of the user's mask.")
@click.option("--refine", default=RefinementSettings().steps, show_default=True, help="Of each photo's.")
@click.option("--learn-at", type=click.Choice(list(STRENGTHS)), help="Learn once, for that strength.")
@click.option("--strangers", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for lines, tables and caches.")
def main(
    data: Path,
    count: int,
    strengths: list[str],
    methods: list[Method],
    surrogates: tuple[str, ...],
    leave_out: tuple[str, ...],
    without: tuple[str, ...],
    judges: tuple[str, ...],
    robust: bool,
    attack: bool,
    steps: int,
    refine: int,
    learn_at: str | None,
    strangers: int,
    seed: int,
    out: Path,
) -> None:
    command = shlex.join(["python", "-m", "benchmarks.protection", *sys.argv[1:]])
    try:
        ours = "ours" in methods or leave_out or without
        if AS_LEARNT in strengths and learn_at is None and (ours or "mask" in methods):
            raise InputError(f"{AS_LEARNT} names no budget to learn for: add --learn-at")
        if AS_LEARNT in strengths and refine and ours:
            raise InputError(f"{AS_LEARNT} puts masks on without refining them: add --refine 0, or ask for mask alone")
        if not data.is_dir():
            raise InputError(f"the photos are not there: no folder {data}; see --data")
        users = people.users(data, count=count, seed=seed)
        reader = FaceReader(FaceDetector(), load_recogniser("dlib-resnet"))
        team = [load_recogniser(name) for name in surrogates]
        names = [*judges, *(f"recogniser:{name}" for name in surrogates)]
        known = _judges(names, data, out, strangers=strangers, seed=seed)
        whose = settings_hash({user.alias: [photo.name for photo in (*user.learn, *user.score)] for user in users})
        base = Plan(team, "ours", steps, refine, learn_at or "", seed, known, whose, robust, attack)
        plans = [replace(base, method=method, surrogates=[] if method == "none" else team) for method in methods]
        left = [surrogate.record.name for surrogate in team] if leave_out == ("each",) else list(leave_out)
        plans += [_left_out(base, name) for name in left]
        plans += [replace(base, without=part) for part in without]
    except GuiseError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    complete = [
        measure(users, strengths if plan.surrogates else ["none"], plan, reader, out, command=command) for plan in plans
    ]
    click.echo(report.write(out, command=command, lines=report.read_lines(out / _LINES)))
    sys.exit(0 if all(complete) else 3)


def _left_out(plan: Plan, name: str) -> Plan:
    """Ours with some surrogates left out, which judge; no more is asked.

    Of two that learnt from one teacher, one alone left out is judged by masks that its twin has helped to make.
    """
    out = set(name.split("+"))
    team = [surrogate for surrogate in plan.surrogates if surrogate.record.name not in out]
    if not team or len(team) + len(out) != len(plan.surrogates):
        raise InputError(f"--leave-out {name} leaves nobody, or names somebody who is not in the team")
    judges = {key: value for key, value in plan.judges.items() if value[0].kin in out}
    return replace(plan, method="ours", surrogates=team, judges=judges, robust=False, attack=False)


if __name__ == "__main__":
    main()
