"""`protect`: learn (or load) a user's mask and write protected copies of a folder of photos."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from guise.cli import console
from guise.models.errors import GuiseError, InputError, KeyFileError
from guise.models.recognisers import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from guise.chameleon.faces.embedding import FaceReader
    from guise.chameleon.faces.selection import FaceSelector
    from guise.chameleon.faces.survey import Survey
    from guise.chameleon.mask.key import Key
    from guise.models import Recogniser

_WHO = ("recurring", "largest", "all")
_REFINE = 60  # as in chameleon.refinement, which imports torch
_TYPED = click.core.ParameterSource.COMMANDLINE
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--user-photos", "folder", type=_FOLDER, required=True, help="Folder with the user's photos.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the copies go. [default: DIR-protected]")
@click.option("--key", "key_file", type=_FILE, help="The user's key; made when missing. [default: DIR.guise-key]")
@click.option(
    "--user-face",
    metavar="PHOTO|recurring|largest|all",
    help="Whose faces: those of a reference photo, the person in most photos, each photo's largest face, all faces. "
    "[default: the key's user, else recurring]",
)
@click.option(
    "--strength",
    type=click.Choice(["low", "mid", "high"]),
    default="mid",
    show_default=True,
    help="How visible the mask may be on each face: SSIM >= .98, .96, .94, FLIP <= .06, .10, .15, its peaks <= .12, "
    ".20, .30.",
)
@click.option(
    "--recogniser",
    "recognisers",
    multiple=True,
    default=registry.TEAM,
    show_default=True,
    help="Learn against this recogniser (repeatable): a name of `guise models list`, or file:PATH.",
)
@click.option(
    "--refine",
    default=_REFINE,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="Steps in which the mask is fitted to each photo; 0 puts the same mask on all, at once.",
)
@click.option(
    "--preset",
    type=click.Choice(["guise", "paper"]),
    default="guise",
    show_default=True,
    help="How to learn: our procedure, or the published one (its own budget, for comparison).",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of everything random in learning."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...")
@click.option("--keep-metadata", is_flag=True, help="Keep EXIF, GPS position included, in the copies.")
@click.option("--offline", is_flag=True, help="Open no connection.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.pass_context
def protect(
    context: click.Context,
    folder: Path,
    out: Path | None,
    key_file: Path | None,
    user_face: str | None,
    strength: str,
    recognisers: tuple[str, ...],
    refine: int,
    preset: Literal["guise", "paper"],
    seed: int,
    device: str,
    keep_metadata: bool,
    offline: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write copies of your photos that look nearly the same and are harder for face recognition to link to you.

    The first run learns one mask for you and keeps it in a private key file; later runs with the same key need no
    learning. The mask is fitted to each photo, in some four seconds. Originals are never changed. Run the same
    command again after any interruption.
    """
    console.warn_quietly()
    from guise.chameleon.faces.detection import FaceDetector
    from guise.chameleon.faces.embedding import FaceReader
    from guise.chameleon.faces.survey import find_faces
    from guise.chameleon.learning import key as keymaking
    from guise.chameleon.learning.refine import RefinementSettings, Refiner
    from guise.chameleon.mask.key import load_key, save_key
    from guise.chameleon.protection.folder import protect_folder
    from guise.chameleon.protection.job import Job, PhotoResult
    from guise.chameleon.visibility.budget import budget_of
    from guise.cli import protect_report
    from guise.models.devices import best_device
    from guise.models.files import check_output_folder, check_writable, list_photos, only_one, printable, remove_stale

    folder = Path(folder).resolve()
    out, key_file, picture_file = _places(folder, out, key_file)
    _check_names(recognisers, user_face)
    listing = list_photos(folder)
    check_output_folder(folder, out)
    if listing.ignored:
        passed_over = f"{len(listing.ignored)} other file(s) or link(s), such as {printable(listing.ignored[0])}"
        console.message(f"Passed over {passed_over}.")
    if not dry_run:
        context.with_resource(only_one(key_file))
        context.with_resource(only_one(out, remedy="name another --out"))
    key = load_key(key_file) if key_file.exists() else None
    device = best_device(device)
    reader = FaceReader(FaceDetector(device=device), console.load(registry.READER, device=device, offline=offline))

    def load(name: str) -> Recogniser:
        return reader.recogniser if name == registry.READER else console.load(name, device=device, offline=offline)

    surrogates = []
    if key is None and not dry_run:
        surrogates = console.load_all(recognisers, load)
    if key is not None:
        _say_unused(context, key_file, learnt=key.provenance.recognisers)
        if not dry_run and refine and key.provenance.preset == "guise":
            surrogates = _of_key(key, recognisers, load)
    with console.steps() as step:
        found = None
        if key is None or user_face is not None or dry_run:
            found = find_faces(folder, listing.photos, reader, progress=step)
        selector = _choose(found, user_face or (None if key else "recurring"), key, reader)
        if selector.one_person and selector.other_photos:
            others = selector.other_photos
            console.message(f"Somebody else appears in {others} photos and gets no mask: see --user-face.")
        if dry_run and found is not None:
            protect_report.show_plan(found, selector, out, learn=key is None, as_json=as_json)
            context.exit(3 if found.failures else 0)
        for folder_to_write in (out, key_file.parent):
            check_writable(folder_to_write)
        for place in (out, key_file, picture_file):
            remove_stale(place)
        if key is None and found is not None:
            team = " + ".join(printable(one.record.name) for one in surrogates)
            why = f": {registry.WHY_TEAM}" if recognisers == registry.TEAM else ""
            console.message(f"There is no key {printable(key_file)} yet: learning a mask against {team}{why}.")
            how = keymaking.Learning(surrogates, preset, strength, seed)
            key = keymaking.learn_key(folder, found, selector, how, progress=step)
            save_key(key, key_file)
        assert key is not None
        budget = None if key.provenance.preset == "paper" else budget_of(strength)
        if budget is None and context.get_parameter_source("strength") is _TYPED:
            console.message("The published procedure has a budget of its own: --strength without effect.")
        if budget is None and context.get_parameter_source("refine") is _TYPED:
            console.message("The published procedure puts one mask on all photos: --refine without effect.")
        refiner = None
        if budget is not None and refine and surrogates:
            settings = RefinementSettings(steps=refine)
            # Somebody else's face is taken away from itself, not from the key's user.
            templates = key.templates if _is_user(selector, key) else {}
            refiner = Refiner(key.mask, surrogates, templates, budget=budget, settings=settings)
        job = Job(folder, out, key, key_file, budget, keep_metadata, refiner)
        results: list[PhotoResult] = []
        try:
            for result in protect_folder(job, listing.photos, selector, reader, survey=found, progress=step):
                results.append(result)  # noqa: PERF402 (what is finished counts even if the rest is not)
        except (GuiseError, KeyboardInterrupt):
            if results and not as_json:
                protect_report.show_results(results)
            raise
    picture = picture_file if protect_report.draw(folder, out, results, picture_file) else None
    outcome = protect_report.Outcome(job, results, picture, listing.ignored)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=1))
    else:
        outcome.show()
    done = [result for result in results if result.status in ("protected", "skipped")]
    if len(done) < len(results) or picture is None:
        context.exit(3 if done else 1)


def _places(folder: Path, out: Path | None, key_file: Path | None) -> tuple[Path, Path, Path]:
    """Where the copies, the key and the picture go: beside the folder unless said otherwise."""
    from guise.models.files import BEFORE_AFTER, printable

    if not folder.name and not (out and key_file):
        raise InputError(f"nothing lies beside {printable(folder)}: say where to write with --out and --key")
    out = Path(os.path.realpath(out or folder.with_name(f"{folder.name}-protected")))
    key_file = key_file or folder.with_name(f"{folder.name}.guise-key")
    for place, whose in (
        (out, "protected copies, which it undoes"),
        (folder, "originals, which nothing is written to"),
    ):
        if Path(os.path.realpath(key_file)).is_relative_to(place):
            what = f"key {printable(key_file)} would lie among the {whose}"
            raise InputError(f"{what}: choose another place with --key")
    # The picture shows originals: it belongs with the key, not where the copies go.
    return out, key_file, key_file.with_name(f"{out.name}{BEFORE_AFTER}")


def _check_names(recognisers: tuple[str, ...], user_face: str | None) -> None:
    """Find a slip of the pen before the work begins."""
    for name in recognisers:
        if not name.startswith("file:"):
            registry.get(name)
    if user_face is not None:
        console.check_user_face(user_face, _WHO)


def _of_key(key: Key, named: tuple[str, ...], load: Callable[[str], Recogniser]) -> list[Recogniser]:
    """The recognisers that `key` was learnt against, in its order; those of the user's own are among `named`.

    Raises:
        InputError: one of them is not, or has other weights by now.
    """
    from guise.models.files import printable

    own = [name for name in named if name.startswith("file:")]
    files = {one.record.name: one for one in console.load_all(own, load)}
    for name in key.provenance.recognisers:
        if name not in registry.RECORDS and name not in files:
            what = f"the key was learnt against {printable(name)}, and photos are fitted against it too"
            raise InputError(f"{what}: name its file with --recogniser, or put the mask on as it is with --refine 0")
    found = [files[name] if name in files else load(name) for name in key.provenance.recognisers]
    for record in (one.record for one in found):
        if record.sha256 is not None and key.provenance.weights.get(record.name, record.sha256) != record.sha256:
            what = f"{printable(record.name)} has other weights than when the key was made"
            raise InputError(f"{what}: learn a new key with --key, or put the mask on as it is with --refine 0")
    return found


def _is_user(selector: FaceSelector, key: Key) -> bool:
    """Whether the faces to protect are those of the key's user, however they were named."""
    ours, theirs = key.selector.template.mean, selector.template.mean
    return selector.one_person and ours.shape == theirs.shape and key.selector.matches(theirs)


def _say_unused(context: click.Context, key_file: Path, *, learnt: tuple[str, ...]) -> None:
    """Options for learning do nothing where there is a key: say so."""
    from guise.models.files import printable

    options = {"recognisers": "--recogniser", "preset": "--preset", "seed": "--seed"}
    given = [option for name, option in options.items() if context.get_parameter_source(name) is _TYPED]
    if all(name.startswith("file:") for name in context.params["recognisers"]) and set(learnt) - set(registry.RECORDS):
        given = [option for option in given if option != "--recogniser"]  # they are needed to fit photos
    if given:
        what = f"The mask in {printable(key_file)} is used as it was learnt"
        console.message(f"{what}: {', '.join(given)} without effect. Name another --key to learn a new one.")


def _choose(found: Survey | None, user_face: str | None, key: Key | None, reader: FaceReader) -> FaceSelector:
    """Whose faces to protect."""
    from guise.chameleon.faces.selection import WhoseFace, select_reference
    from guise.models.files import read_photo

    threshold = reader.recogniser.record.threshold
    if user_face is None and key is not None:
        if key.selector.template.mean.size != reader.recogniser.record.embedding_size:
            what = f"the key tells its user by {key.selector.template.mean.size} numbers, not as {registry.READER} does"
            raise KeyFileError(f"{what}: say whose faces to protect with --user-face")
        return key.selector
    assert found is not None and user_face is not None
    if user_face in _WHO:
        return found.selector(WhoseFace(user_face), threshold=threshold)
    reference = reader.read(read_photo(Path(user_face)).pixels, name=user_face)
    return select_reference(reference, threshold=threshold)
