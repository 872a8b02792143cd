"""Rank the teams of recognisers that come with the installation, and choose a team that masks are learnt against.

    python -m scripts.choose_team --faces ../shared/data/lfw --size 4 --least-accuracy .9 --member dlib-resnet \\
        --member sface --member guise-iresnet --member guise-mobilefacenet --why '...' \\
        --out models/recognisers/team.json
    python -m scripts.choose_team --faces ../shared/data/lfw --size 3 --out team.json      # the most diverse

The file models/recognisers/team.json holds the default team. FACES holds one folder for each person, as LFW does. The
queries are photos of people with 20 photos or more: no recogniser of ours was trained on them. Each query searches the
other queries and single photos of other people.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.provenance import code_version
from guise.chameleon.evaluation.diversity import measure_failures, rank_teams
from guise.chameleon.faces.detection import FaceDetector
from guise.models import load_recognisers
from guise.models.files import atomic_write
from guise.models.recognisers.registry import RECORDS
from guise.models.weights.weight_file import EXTRAS
from scripts.training.faces import HELD_BACK


@click.command(help=__doc__)
@click.option("--faces", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--size", default=3, show_default=True, help="How many recognisers make a team.")
@click.option("--least-accuracy", default=0.95, show_default=True, help="Rank-1 accuracy that a member must reach.")
@click.option("--member", "members", multiple=True, help="Choose this member (repeatable). [default: the first team]")
@click.option("--why", help="Why these members.")
@click.option("--strangers", default=1500, show_default=True, help="How many other people to search among.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON file for the team and the ranking.")
def main(
    faces: Path,
    size: int,
    least_accuracy: float,
    members: tuple[str, ...],
    why: str | None,
    strangers: int,
    out: Path,
) -> None:
    if bool(members) is not bool(why):
        raise click.UsageError("--member and --why go together")
    installed = [r.name for r in RECORDS.values() if r.source in ("embedded", "package") and r.origin not in EXTRAS]
    pool = load_recognisers(installed)
    with tempfile.TemporaryDirectory() as folder:
        _gather(faces, Path(folder), strangers=strangers)
        failures = measure_failures(Path(folder), FaceDetector(), pool, progress=_progress).failures
    able = {name: failed for name, failed in failures.items() if 1 - failed.mean() >= least_accuracy}
    teams = rank_teams(able, size=size)
    chosen = members or teams[0].members
    places = [set(team.members) for team in teams]
    if set(chosen) not in places:
        raise click.BadParameter(f"{' + '.join(chosen)} is no team of {size} of those that find enough photos")
    record = {
        "members": chosen,
        "why": why or f"of {len(teams)} teams of {size}, its errors overlap least",
        "place_by_focal_diversity": places.index(set(chosen)) + 1,
        "queries": len(next(iter(failures.values()))),
        "failures": {name: int(failed.sum()) for name, failed in failures.items()},
        "teams": [
            {
                "members": team.members,
                "focal_diversity": round(team.diversity, 4),
                "rank1_accuracy": round(team.accuracy, 4),
            }
            for team in teams
        ],
        "command": shlex.join(["python", "-m", "scripts.choose_team", *sys.argv[1:]]),
        **code_version(),
    }
    with atomic_write(out) as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())


def _gather(faces: Path, folder: Path, *, strangers: int) -> None:
    """Copy all photos of the people held back, and one photo of each of some others."""
    for person in sorted(path for path in faces.iterdir() if path.is_dir()):
        photos = sorted(person.glob("*.jpg"))
        if len(photos) < HELD_BACK:
            photos, strangers = photos[: min(strangers, 1)], max(0, strangers - 1)
        for photo in photos:
            (folder / person.name).mkdir(exist_ok=True)
            shutil.copyfile(photo, folder / person.name / photo.name)


def _progress(done: int, total: int) -> None:
    if done % 500 == 0 or done == total:
        click.echo(f"{done}/{total}", err=True)


if __name__ == "__main__":
    main()
