"""One call of `protect` or `plan`, from the folder to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey, find_faces
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.jobs.before_after import draw_protected
from guise.chameleon.jobs.learn import learn_and_save, photos_of, tell_of_others, tell_without_effect
from guise.chameleon.jobs.networks import Networks, check_names
from guise.chameleon.jobs.options import LearningOptions
from guise.chameleon.jobs.people import TO_PROTECT, check_user_face, is_user, selector_named, selector_of
from guise.chameleon.jobs.places import Places
from guise.chameleon.jobs.report import ProtectionPlan, ProtectionReport
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, load_key
from guise.chameleon.pages.render import save_page
from guise.chameleon.protection.earlier import earlier_results
from guise.chameleon.protection.effort import Effort
from guise.chameleon.protection.folder import protect_folder
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.videos.protect import protect_videos
from guise.chameleon.videos.sampling import pictures_to_learn_from, sample
from guise.chameleon.visibility.budget import Budget, budget_of
from guise.models import Recogniser
from guise.models.errors import KeyFileError
from guise.models.files import PhotoListing, check_writable, only_one, printable, remove_stale
from guise.models.watching import Announce, Progress

_LOOKED_AT = 8  # pictures of each video, where nothing is written


class ProtectionRun:
    """One call of `protect` or `plan`; as a context it keeps other runs off the same key and copies."""

    def __init__(
        self,
        places: Places,
        key: Key | str | Path | None,
        user_face: str | Path | FaceSelector | None,
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

    def __enter__(self) -> ProtectionRun:
        with ExitStack() as held:
            held.enter_context(only_one(self.places.key, remedy="name another `key=`"))
            held.enter_context(only_one(self.places.out, remedy="name another `out=`"))
            self._held = held.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def _known_key(self) -> Key | None:
        """The user's key, if there is one: the one that lies in its file, where restoring will look for it."""
        known = load_key(self.places.key) if self.places.key.exists() else None
        if self._key is not None and (known is None or known.mask.digest != self._key.mask.digest):
            where = f"{printable(self.places.key)} {'is gone' if known is None else 'holds another key by now'}"
            raise KeyFileError(f"{where}: save this key with `save_key`, or nobody could restore its photos")
        return known

    def plan(self) -> ProtectionPlan:
        """Look only."""
        key = self._known_key()
        if key is not None:
            tell_without_effect(self.places, self._options.without_effect(key), self._tell)
        survey = self._survey()
        selector = self._choose(key, survey)
        threshold = self._networks.reader.recogniser.record.threshold
        names, unreadable = sample(self.places.folder, self.listing.videos, _LOOKED_AT)
        looked = {
            video: list(
                find_faces(self.places.folder, each, self._networks.reader, progress=self._progress).faces.values()
            )
            for video, each in names.items()
        }
        return ProtectionPlan(self.places.out, survey, selector, key is None, threshold, looked, unreadable)

    def protect(
        self,
        effort: Effort,
        given: Mapping[str, object],
        *,
        lpips: float | None,
        keep_metadata: bool,
        on_photo: Callable[[PhotoResult], None] | None,
    ) -> ProtectionReport:
        """Learn if need be, then write.

        `given` are options as the user gave them, None where they did not; a person is told of those without effect.
        """
        places, key = self.places, self._known_key()
        meter = self._networks.lpips(None if lpips is None else float(lpips))
        reader = self._networks.reader  # before the surrogates: damaged weights are named first
        surrogates = self._surrogates(key, effort)
        survey = self._survey() if key is None or self._user_face is not None else None
        selector = self._choose(key, survey)
        for folder in (places.out, places.key.parent):
            check_writable(folder)
        for place in (places.out, places.key, places.picture, places.page):
            remove_stale(place)
        if key is None:
            assert survey is not None
            key = learn_and_save(
                places, survey, selector, surrogates, self._options, progress=self._progress, tell=self._tell
            )
        budget = self._budget(key, effort, given)
        # Somebody else's face is taken away from itself, and compared with itself, not with the key's user.
        templates = key.templates if is_user(selector, key) else {}
        refiner = self._refiner(key, templates, surrogates, budget, effort.refinement)
        job = Job(places.folder, places.out, key, places.key, budget, keep_metadata, refiner, meter, effort.patience)
        results = []
        photos = protect_folder(
            job,
            self.listing.photos,
            selector,
            reader,
            videos=self.listing.videos,
            survey=survey,
            surrogates=surrogates,
            templates=templates,
            progress=self._progress,
        )
        enrolment = Enrolment(reader, selector, surrogates, templates)
        videos = protect_videos(job, self.listing.videos, enrolment, progress=self._progress)
        for result in chain(photos, videos):
            results.append(result)
            if on_photo is not None:
                on_photo(result)
        drawn = draw_protected(places.folder, places.out, results, places.picture, tell=self._tell)
        picture = places.picture if drawn else None
        ignored = tuple(self.listing.ignored)
        known = [result.photo for result in results]
        earlier = earlier_results(places.folder, places.out, key, places.key, known)
        report = ProtectionReport(
            places.folder, places.out, key, places.key, tuple(results), picture, ignored, budget, earlier
        )
        html = report.to_html(progress=self._progress)
        return replace(report, page=places.page) if save_page(html, places.page, tell=self._tell) else report

    def _surrogates(self, key: Key | None, effort: Effort) -> list[Recogniser]:
        """The recognisers to learn against or to fit photos against, which measure too; else those that are here."""
        if key is None:
            return self._networks.recognisers(self._options.surrogates)
        tell_without_effect(self.places, self._options.without_effect(key), self._tell)
        if not effort.refinement.steps or key.provenance.preset != "guise":
            return self._networks.surrogates_here(key, self._options.surrogates)
        return self._networks.surrogates_of(key, self._options.surrogates)

    @staticmethod
    def _refiner(
        key: Key,
        templates: Mapping[str, FaceTemplate],
        surrogates: Sequence[Recogniser],
        budget: Budget | None,
        settings: RefinementSettings,
    ) -> Refiner | None:
        """What fits the mask to each photo; None puts the user's own on all."""
        if budget is None or not surrogates or not settings.steps:
            return None
        return Refiner(key.mask, surrogates, templates, budget=budget, settings=settings)

    def _survey(self) -> Survey:
        pictures = pictures_to_learn_from(self.places.folder, self.listing)
        return find_faces(self.places.folder, pictures, self._networks.reader, progress=self._progress)

    def _choose(self, key: Key | None, survey: Survey | None) -> FaceSelector:
        """Whose faces to protect; a person is told of others."""
        if self._user_face is None and key is not None:
            selector = selector_of(key, self._networks.reader)
        else:
            assert survey is not None
            selector = selector_named(self._user_face or "recurring", survey, self._networks.reader)
        tell_of_others(selector, self._tell)
        return selector

    def _budget(self, key: Key, effort: Effort, given: Mapping[str, object]) -> Budget | None:
        """How visible the mask may be; None for the published procedure, which has a bound of its own."""
        if key.provenance.preset != "paper":
            if not effort.refinement.steps and given["patience"] is not None:
                self._tell("`refine=0` puts one mask on all photos: `patience=` without effect.")
            return budget_of(self._options.strength or "mid")
        if self._options.strength is not None:
            self._tell("The published procedure has a budget of its own: `strength=` without effect.")
        named = [f"`{name}=`" for name, value in given.items() if value is not None]
        if named:
            self._tell(f"The published procedure puts one mask on all photos: {', '.join(named)} without effect.")
        return None
