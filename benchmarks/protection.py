"""Measure how well masks protect their users, on photos that the masks never saw, by judges that took no part.

    python -m benchmarks.protection --data ../shared/data/lfw --users 20 --methods ours,mask,paper,opom,none \\
        --leave-out each --robust --attack --out results
    python -m benchmarks.protection --data ../shared/data/lfw --scale 1,2,4 --noise 2 --out results      # by size
    python -m benchmarks.protection --data demo --users 1 --scale 1,2,4 --out results
    python -m benchmarks.protection --data ../shared/data/portraits --users 8 --learn-on 1 --least-photos 2 --in-turn \\
        --strangers-from ../shared/data/lfw --out results                           # few photos: linked pairs

Each user goes through what `protect` does, on files in a temporary folder. Judges see the written files only. The
judges are those named, and each surrogate (white box). A surrogate that is left out of the team judges what the others
have made. Where users have too few photos for recall, pairs are counted. A second run keeps what is finished. Runs
with other options may share --out and its tables.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks import ablation, demo_photos, options, people, provenance, report, scoring
from benchmarks.enlarging import Enlargement
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
    users: Sequence[people.User],
    strengths: Sequence[str],
    plan: Plan,
    reader: FaceReader,
    out: Path,
    *,
    command: str,
    keys: Path | None = None,
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
                session = Session(user, Path(folder), plan, reader, keys)
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


def _judges(names: Sequence[str], photos: Sequence[Path], out: Path) -> dict[str, tuple[Judge, np.ndarray]]:
    """Judges, each with the strangers' faces as it sees them."""
    judges = {}
    for name in names:
        judge = load_judge(name, _DATA)
        weights = settings_hash({"weights": judge.weights, "photos": [people.photo_name(photo) for photo in photos]})
        cache = out / f"strangers-{judge.name.replace(':', '-').replace('/', '-')}-{weights}.npz"
        progress = partial(_progress, f"{judge.name}: strangers", total=len(photos))
        judges[judge.name] = judge, scoring.known_strangers(judge, photos, cache=cache, progress=progress)
    return judges


def _folders(data: str, strangers_from: Path | None, out: Path) -> tuple[Path, Path]:
    """Where users and strangers come from."""
    if data == "demo":
        folders = demo_photos.make(out / "demo"), strangers_from or _DATA / "lfw"
    else:
        folders = Path(data), strangers_from or Path(data)
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"the photos are not there: no folder {folder}; see --data and --strangers-from")
    return folders


@click.command(help=__doc__)
@click.option("--data", default=str(_DATA / "lfw"), help="A folder with one folder a person, or demo.")
@click.option("--strangers-from", type=click.Path(path_type=Path), help="Another such folder.  [default: as --data]")
@click.option("--users", "count", default=10, show_default=True, help="People to protect.")
@click.option("--part", default="1/1", callback=options.part, help="K/N: these of them; run N at once with one --out.")
@click.option("--least-photos", default=people.LEAST_PHOTOS, show_default=True, help="Of a user; others are strangers.")
@click.option("--learn-on", default=people.LEARN, show_default=True, help="Photos of each user.")
@click.option("--score-on", default=people.MOST_SCORED, show_default=True, help="Of the others, at most.")
@click.option("--in-turn", is_flag=True, help="Learn on each --learn-on photos of a user in turn.")
@click.option("--pairs", is_flag=True, help="Count linked pairs among all photos; always where a user has 1 to score.")
@click.option(
    "--scale", "scales", default="1", show_default=True, callback=options.scales, help="Enlarge photos first."
)
@click.option("--noise", default=0.0, show_default=True, help="Then add noise of this deviation in grey levels.")
@click.option(
    "--strengths", default="low,mid,high", show_default=True, callback=options.strengths, help="Or as-learnt."
)
@click.option(
    "--methods", default="ours", show_default=True, callback=options.methods, help="Of ours,mask,paper,opom,none."
)
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
@click.option(
    "--refine",
    "refines",
    default=str(RefinementSettings().steps),
    show_default=True,
    callback=options.steps,
    help="Of each photo's; several give a curve.",
)
@click.option("--patience", type=click.IntRange(0, 10), help="How often photos still linked are fitted again.")
@click.option("--keys", type=click.Path(path_type=Path), help="Keep keys there, and use those that are there already.")
@click.option("--learn-at", type=click.Choice(list(STRENGTHS)), help="Learn once, for that strength.")
@click.option("--strangers", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for lines, tables and caches.")
def main(
    data: str,
    strangers_from: Path | None,
    count: int,
    part: slice,
    least_photos: int,
    learn_on: int,
    score_on: int,
    in_turn: bool,
    pairs: bool,
    scales: list[float],
    noise: float,
    strengths: list[str],
    methods: list[Method],
    surrogates: tuple[str, ...],
    leave_out: tuple[str, ...],
    without: tuple[str, ...],
    judges: tuple[str, ...],
    robust: bool,
    attack: bool,
    steps: int,
    refines: list[int],
    patience: int | None,
    keys: Path | None,
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
        if AS_LEARNT in strengths and any(refines) and ours:
            raise InputError(f"{AS_LEARNT} puts masks on without refining them: add --refine 0, or ask for mask alone")
        split = people.Split(least_photos, learn_on, score_on, in_turn)
        folder, elsewhere = _folders(data, strangers_from, out)
        users = people.users(folder, count=count, seed=seed, split=split)
        reader = FaceReader(FaceDetector(), load_recogniser("dlib-resnet"))
        team = [load_recogniser(name) for name in surrogates]
        names = [*judges, *(f"recogniser:{name}" for name in surrogates)]
        # People from elsewhere are the same strangers whatever the users' photos, so that their embeddings are kept.
        least = people.LEAST_PHOTOS if elsewhere != folder else least_photos
        known = _judges(names, people.strangers(elsewhere, count=strangers, seed=seed, least_photos=least), out)
        pairs = pairs or any(len(user.score) < 2 for user in users)
        base = Plan(team, "ours", steps, refines[0], learn_at or "", seed, known, people.digest(users), robust, attack)
        base = replace(base, pairs=pairs, data=folder.name, patience=patience)
        plans = [replace(base, method=method, surrogates=[] if method == "none" else team) for method in methods]
        left = [surrogate.record.name for surrogate in team] if leave_out == ("each",) else list(leave_out)
        plans += [_left_out(base, name) for name in left]
        plans += [replace(base, without=part) for part in without]
        plans += [replace(base, refine=refine) for refine in refines[1:] if "ours" in methods]
        sizes = [Enlargement(scale, noise) for scale in scales]
        plans = [replace(plan, enlargement=size) for plan in plans for size in sizes]
    except GuiseError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    complete = [
        measure(users[part], strengths if plan.surrogates else ["none"], plan, reader, out, command=command, keys=keys)
        for plan in plans
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
