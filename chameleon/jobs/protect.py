"""Protect a folder of photos with the user's mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey, find_faces
from guise.chameleon.jobs.before_after import draw_protected
from guise.chameleon.jobs.learn import (
    LearningOptions,
    Preset,
    learn_and_save,
    photos_of,
    tell_of_others,
    tell_without_effect,
)
from guise.chameleon.jobs.networks import Announce, Networks, Progress, check_names
from guise.chameleon.jobs.people import TO_PROTECT, check_user_face, is_user, selector_named, selector_of
from guise.chameleon.jobs.places import Places
from guise.chameleon.jobs.report import ProtectionPlan, ProtectionReport
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, load_key
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.visibility.budget import Budget, budget_of
from guise.models import Recogniser
from guise.models.errors import InputError
from guise.models.files import PhotoListing, check_writable, only_one, remove_stale


def protect(
    folder: str | Path,
    key: Key | str | Path | None = None,
    *,
    out: str | Path | None = None,
    user_face: str | Path | None = None,
    strength: str | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    refine: int | None = None,
    preset: Preset | None = None,
    seed: int | None = None,
    keep_metadata: bool = False,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    on_photo: Callable[[PhotoResult], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> ProtectionReport:
    """Write a protected copy of each photo in `folder`, and measure the written files.

    Originals are never changed. Interrupted at any moment and called again, it goes on where it stopped, and the same
    files come out.

    Args:
        folder: with the user's photos; the copies keep its tree.
        key: from `learn` or `load_key`, or its file. A file that is not there is learnt first, with the options of
            `learn`; None is DIR.guise-key next to `folder`.
        out: where the copies go; DIR-protected next to `folder` if None.
        user_face: whose faces: "recurring", "largest", "all", or a photo that shows the user alone; None is the
            key's user.
        strength: how visible the mask may be on each face of the written file: "low", "mid" (default) or "high".
        recognisers: as of `learn`; with a key only those of the user's own that it was learnt against.
        refine: steps in which the mask is fitted to each photo, by default 60; 0 puts the same mask on all, at once,
            and protects much less.
        preset: as of `learn`.
        seed: as of `learn`.
        keep_metadata: keep EXIF, GPS position included, in the copies.
        device: "auto", "cpu", "cuda" ...
        offline: open no connection.
        reader: a detector and recogniser that are loaded already.
        on_photo: called with each photo's result as soon as it is done.
        progress: called with what is being done, items done and items in all.
        announce: called with one line whenever there is something to tell a person.

    Raises:
        InputError: a folder, file or option cannot be used.
        FaceError: no photo shows a face, or the user cannot be told from others.
        KeyFileError: the key is damaged, foreign, or of another recogniser.
        OutputError: a file cannot be written, or another run uses it; photos finished before stay.
        WeightsError: a recogniser's weights are missing or damaged.
    """
    options = LearningOptions(strength, recognisers, preset, seed)
    if refine is not None and refine < 0:
        raise InputError(f"`refine={refine}` is out of range: give 0 or more steps")
    places = Places.of(folder, out=out, key=_file_of(key))
    networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
    with _Run(places, key, user_face, options, networks, progress=progress, announce=announce) as run:
        return run.protect(refine, keep_metadata=keep_metadata, on_photo=on_photo)


def plan(
    folder: str | Path,
    key: Key | str | Path | None = None,
    *,
    out: str | Path | None = None,
    user_face: str | Path | None = None,
    recognisers: Sequence[str | Recogniser] | None = None,
    preset: Preset | None = None,
    seed: int | None = None,
    device: str = "auto",
    offline: bool = False,
    reader: FaceReader | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> ProtectionPlan:
    """What `protect` would do with these arguments: which faces would get a mask. Nothing is written.

    Args and errors are those of `protect`.
    """
    options = LearningOptions(None, recognisers, preset, seed)
    places = Places.of(folder, out=out, key=_file_of(key))
    networks = Networks(device=device, offline=offline, progress=progress, announce=announce, reader=reader)
    return _Run(places, key, user_face, options, networks, progress=progress, announce=announce).plan()


class _Run:
    """One call of `protect` or `plan`; as a context it keeps other runs off the same key and copies."""

    def __init__(
        self,
        places: Places,
        key: Key | str | Path | None,
        user_face: str | Path | None,
        options: LearningOptions,
        networks: Networks,
        *,
        progress: Progress | None,
        announce: Announce | None,
    ) -> None:
        check_names(options.surrogates)
        if user_face is not None:
            check_user_face(user_face, TO_PROTECT)
        self.places, self._networks = places, networks
        self._key = key if isinstance(key, Key) else None
        self._user_face, self._options, self._progress = user_face, options, progress
        self._tell: Announce = announce or (lambda _: None)
        self._held = ExitStack()
        self.listing: PhotoListing = photos_of(places, self._tell)

    def __enter__(self) -> _Run:
        with ExitStack() as held:
            held.enter_context(only_one(self.places.key, remedy="name another `key=`"))
            held.enter_context(only_one(self.places.out, remedy="name another `out=`"))
            self._held = held.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def _known_key(self) -> Key | None:
        """The user's key, if there is one."""
        if self._key is None and self.places.key.exists():
            self._key = load_key(self.places.key)
        return self._key

    def plan(self) -> ProtectionPlan:
        """Look only."""
        key = self._known_key()
        if key is not None:
            tell_without_effect(key, self._options, self._tell)
        survey = self._survey()
        selector = self._choose(key, survey)
        return ProtectionPlan(self.places.out, survey, selector, learn=key is None)

    def protect(
        self, refine: int | None, *, keep_metadata: bool, on_photo: Callable[[PhotoResult], None] | None
    ) -> ProtectionReport:
        """Learn if need be, then write."""
        places, key, networks = self.places, self._known_key(), self._networks
        networks.reader  # noqa: B018 (before the surrogates: damaged weights are named first)
        if key is None:
            surrogates = networks.recognisers(self._options.surrogates)
        else:
            tell_without_effect(key, self._options, self._tell)
            surrogates = []
            if refine != 0 and key.provenance.preset == "guise":
                surrogates = networks.surrogates_of(key, self._options.surrogates)
        survey = self._survey() if key is None or self._user_face is not None else None
        selector = self._choose(key, survey)
        for folder in (places.out, places.key.parent):
            check_writable(folder)
        for place in (places.out, places.key, places.picture):
            remove_stale(place)
        if key is None:
            assert survey is not None
            key = learn_and_save(
                places, survey, selector, surrogates, self._options, progress=self._progress, tell=self._tell
            )
        budget = self._budget(key, refine)
        refiner = None
        if budget is not None and surrogates and refine != 0:
            steps = RefinementSettings() if refine is None else RefinementSettings(steps=refine)
            # Somebody else's face is taken away from itself, not from the key's user.
            templates = key.templates if is_user(selector, key) else {}
            refiner = Refiner(key.mask, surrogates, templates, budget=budget, settings=steps)
        job = Job(places.folder, places.out, key, places.key, budget, keep_metadata, refiner)
        results = []
        for result in protect_folder(
            job, self.listing.photos, selector, networks.reader, survey=survey, progress=self._progress
        ):
            results.append(result)
            if on_photo is not None:
                on_photo(result)
        drawn = draw_protected(places.folder, places.out, results, places.picture, tell=self._tell)
        return ProtectionReport(
            places.folder,
            places.out,
            key,
            places.key,
            tuple(results),
            places.picture if drawn else None,
            tuple(self.listing.ignored),
        )

    def _survey(self) -> Survey:
        return find_faces(self.places.folder, self.listing.photos, self._networks.reader, progress=self._progress)

    def _choose(self, key: Key | None, survey: Survey | None) -> FaceSelector:
        """Whose faces to protect; a person is told of others."""
        if self._user_face is None and key is not None:
            selector = selector_of(key, self._networks.reader)
        else:
            assert survey is not None
            selector = selector_named(self._user_face or "recurring", survey, self._networks.reader)
        tell_of_others(selector, self._tell)
        return selector

    def _budget(self, key: Key, refine: int | None) -> Budget | None:
        """How visible the mask may be; None for the published procedure, which has a bound of its own."""
        if key.provenance.preset != "paper":
            return budget_of(self._options.strength or "mid")
        if self._options.strength is not None:
            self._tell("The published procedure has a budget of its own: `strength=` without effect.")
        if refine is not None:
            self._tell("The published procedure puts one mask on all photos: `refine=` without effect.")
        return None


def _file_of(key: Key | str | Path | None) -> str | Path | None:
    if not isinstance(key, Key):
        return key
    if key.file is None:
        raise InputError("this key lies in no file, where the records for restoring go: save it with `save_key` first")
    return key.file
