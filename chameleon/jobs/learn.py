"""Learn a user's mask from a folder of their photos, or load it where it has been learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey, find_faces
from guise.chameleon.jobs.networks import Networks, check_names
from guise.chameleon.jobs.options import LearningOptions, Preset
from guise.chameleon.jobs.people import TO_PROTECT, check_user_face, selector_named
from guise.chameleon.jobs.places import Places
from guise.chameleon.learning.key import learn_key
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.mask.key import Key, load_key, save_key
from guise.chameleon.videos.sampling import pictures_to_learn_from
from guise.models import Recogniser
from guise.models.counting import by_number, counted
from guise.models.files import (
    PhotoListing,
    check_output_folder,
    check_writable,
    is_video,
    list_photos,
    only_one,
    printable,
    remove_stale,
)
from guise.models.watching import Announce, Progress


def learn(
    folder: str | Path,
    *,
    key: str | Path | None = None,
    user_face: str | Path | FaceSelector | None = None,
    strength: str | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    preset: Preset | None = None,
    seed: int | None = None,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    settings: LearningSettings | None = None,
    team: str | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Key:
    """The user's key: loaded if it is there, else learnt from the photos in `folder` and saved.

    A key is never learnt anew over an old one: without the old one its photos could not be restored.

    Args:
        folder: with the user's photos, or one photo; nothing in it is changed. Where there are only videos, pictures
            of these are learnt from.
        key: the key's file, private; None is FOLDER.guise-key, next to the folder.
        user_face: whose faces: "recurring" (default: the person in most photos), "largest" (of each photo), "all",
            a photo that shows the user alone, or a selector such as `ProtectionPlan.select` gives.
        strength: how visible the mask may be: "low", "mid" (default) or "high".
        recognisers: what to learn against: names of `guise models list`, "file:PATH" or loaded ones; None is the
            default team.
        preset: "guise" (default), or "paper" for the published procedure.
        seed: of every random choice, by default 0: the same seed gives the same mask on the same machine.
        device: "auto", "cpu", "cuda" ...
        offline: open no connection.
        reader: a detector and recogniser that are loaded already.
        settings: of the optimisation, for measurements.
        team: "default", or "wide" to learn against recognisers of other kinds as well, as far as they are here; in
            place of `recognisers`.
        progress: called with what is being done, items done and items in all.
        announce: called with one line whenever there is something to tell a person.

    Returns:
        The key, which knows the file that it lies in.

    Raises:
        InputError: a folder, file or option cannot be used.
        ImageError: the photo named as `user_face` cannot be read.
        FaceError: no photo shows a face, or the user cannot be told from others.
        KeyFileError: there is a key, and it is damaged or foreign.
        OutputError: the key cannot be written, or another run uses it.
        WeightsError: a recogniser's weights are missing or damaged.
    """
    tell = announce or (lambda _: None)
    options = LearningOptions(strength, recognisers, preset, seed, settings, team)
    places = Places.of(folder, key=key)
    check_names(options.surrogates)
    if user_face is not None:
        check_user_face(user_face, TO_PROTECT)
    listing = photos_of(places, tell)
    with only_one(places.key, remedy="name another `key=`"):
        if places.key.exists():
            known = load_key(places.key)
            others = {"strength": strength, "user_face": user_face, "settings": settings}
            given = [f"`{name}=`" for name, value in others.items() if value is not None]
            tell_without_effect(places, [*options.without_effect(known), *given], tell)
            return known
        networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
        surrogates = networks.recognisers(options.surrogates)
        pictures = pictures_to_learn_from(places.folder, listing)
        survey = find_faces(places.folder, pictures, networks.reader, progress=progress)
        selector = selector_named(user_face or "recurring", survey, networks.reader)
        tell_of_others(selector, tell)
        check_writable(places.key.parent)
        remove_stale(places.key)
        return learn_and_save(places, survey, selector, surrogates, options, progress=progress, tell=tell)


def learn_and_save(
    places: Places,
    survey: Survey,
    selector: FaceSelector,
    surrogates: Sequence[Recogniser],
    options: LearningOptions,
    *,
    progress: Progress | None,
    tell: Announce,
) -> Key:
    """Learn a mask and write the key.

    Args:
        places: of this job.
        survey: the faces in the folder.
        selector: selects the user's among them.
        surrogates: the recognisers to learn against, loaded.
        options: how to learn.
        progress: called with what is being done, items done and items in all.
        tell: called with a line for a person.

    Returns:
        The key that lies in `places.key`.

    Raises:
        FaceError, OutputError: as `learn`.
    """
    team = " + ".join(printable(surrogate.record.name) for surrogate in surrogates)
    chosen = options.named_team
    why = f": {chosen.why}" if chosen else ""
    tell(f"There is no key {printable(places.key)} yet: learning a mask against {team}{why}.")
    for kind in chosen.missing if chosen else ():
        tell(f"Left out, as it is not here: {kind}.")
    key = learn_key(places.folder, survey, selector, options.learning(surrogates), progress=progress)
    return save_key(key, places.key)


def photos_of(places: Places, tell: Announce) -> PhotoListing:
    """The user's photos; a person is told of other files among them.

    Args:
        places: of this job.
        tell: called with a line for a person.

    Returns:
        The photos and the other files.

    Raises:
        InputError: the folder cannot be read or holds no photo, or one of the two folders holds the other.
    """
    if places.photo is not None:
        if is_video(places.folder / places.photo):
            return PhotoListing((), (), (places.photo,))
        return PhotoListing((places.photo,), ())
    listing = list_photos(places.folder, videos=True)
    check_output_folder(places.folder, places.out)
    if listing.ignored:
        count, first = len(listing.ignored), printable(listing.ignored[0])
        others = counted(count, "other file or link", "other files or links")
        tell(f"Passed over {others}{by_number(count, ':', ', such as')} {first}.")
    return listing


def tell_without_effect(places: Places, options: Sequence[str], tell: Announce) -> None:
    """Say that options for learning do nothing where there is a key.

    Args:
        places: of this job.
        options: names of those that were asked for; empty says nothing.
        tell: called with the line.
    """
    if options:
        what = f"The mask in {printable(places.key)} is used as it was learnt"
        tell(f"{what}: {', '.join(options)} without effect. Name another `key=` to learn a new one.")


def tell_of_others(selector: FaceSelector, tell: Announce) -> None:
    """Say that somebody else appears often, and gets no mask.

    Args:
        selector: of the user's faces, as found in this folder.
        tell: called with the line.
    """
    if selector.other_photos:
        others = counted(selector.other_photos, "photo")
        tell(f"Somebody else appears in {others} and gets no mask: see `user_face=`.")
