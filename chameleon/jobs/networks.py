"""The networks of one job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.mask.key import Key
from guise.chameleon.visibility.lpips import LpipsMeter, load_lpips, lpips_is_here
from guise.models import Recogniser, load_recogniser
from guise.models.devices import best_device
from guise.models.errors import InputError, WeightsError
from guise.models.files import printable
from guise.models.recognisers import registry
from guise.models.watching import Announce, Progress
from guise.models.weights import weight_file


def several(recognisers: str | Recogniser | Sequence[str | Recogniser] | None) -> tuple[str | Recogniser, ...]:
    """Recognisers as a caller may name them: one, several, or none.

    Args:
        recognisers: names of `guise models list`, "file:PATH" or loaded ones.

    Returns:
        Them, in order.

    Raises:
        InputError: something else is among them.
    """
    if recognisers is None:
        return ()
    named = (recognisers,) if isinstance(recognisers, str | Recogniser) else tuple(recognisers)
    for name in named:
        if not isinstance(name, str | Recogniser):
            raise InputError(f"`recognisers={name}` is no recogniser: give its name, file:PATH, or one that is loaded")
    return named


def check_names(recognisers: Iterable[str | Recogniser]) -> None:
    """Find a misspelt name before the work begins.

    Args:
        recognisers: names of `guise models list`, "file:PATH" or loaded ones.

    Raises:
        InputError: no recogniser has this name; the message names the closest.
    """
    for name in recognisers:
        if isinstance(name, str) and not name.startswith("file:"):
            registry.get(name)


class Networks:
    """Detector and recognisers, on one device, each loaded once and when it is first needed."""

    def __init__(
        self,
        *,
        device: str,
        offline: bool,
        progress: Progress | None = None,
        announce: Announce | None = None,
        reader: FaceReader | None = None,
    ) -> None:
        """Keep what loading will need.

        Args:
            device: "auto", "cpu", "cuda" ...
            offline: open no connection.
            progress: called with "fetching NAME", bytes so far and bytes in all during a download.
            announce: called with size, licence and origin before a download.
            reader: a detector and recogniser that are loaded already; None loads the default ones.
        """
        self._device, self._offline, self._progress, self._announce = device, offline, progress, announce
        self._loaded: dict[str, Recogniser] = {}
        if reader is not None:
            self.reader = reader
            if reader.recogniser.record.name == registry.READER:
                self._loaded[registry.READER] = reader.recogniser

    @cached_property
    def device(self) -> str:
        """Where networks run; `InputError` if that cannot be used here."""
        return best_device(self._device)

    @cached_property
    def reader(self) -> FaceReader:
        """Finds faces, and tells people apart by the recogniser `registry.READER`."""
        return FaceReader(FaceDetector(device=self.device), self.recogniser(registry.READER))

    def recogniser(self, name: str) -> Recogniser:
        """Load a recogniser, unless it is loaded.

        Args:
            name: a name of `guise models list`, or "file:PATH".

        Returns:
            The recogniser, on the device of this job.

        Raises:
            InputError, OfflineError, WeightsError: as `load_recogniser`.
        """
        if name not in self._loaded:
            self._loaded[name] = load_recogniser(
                name,
                device=self.device,
                offline=self._offline,
                progress=partial(self._fetching, name),
                announce=self._announce,
            )
        return self._loaded[name]

    def _fetching(self, name: str, done: int, total: int | None) -> None:
        if self._progress is not None:
            self._progress(f"fetching {name}", done, total or done)

    def recognisers(self, names: Sequence[str | Recogniser]) -> list[Recogniser]:
        """Load several recognisers.

        Args:
            names: as of `recogniser`, or loaded ones, which are taken as they are; what comes twice counts once.

        Returns:
            The recognisers, in this order.

        Raises:
            InputError: two of them have one name, so that results by name would mix them up.
        """
        loaded: dict[str, tuple[str, Recogniser]] = {}
        for name in names:
            given, recogniser = (name, self.recogniser(name)) if isinstance(name, str) else ("a loaded one", name)
            called = recogniser.record.name
            first, known = loaded.setdefault(called, (given, recogniser))
            if known is not recogniser:
                what = f"{printable(first)} and {printable(given)} are both called {printable(called)}"
                raise InputError(f"{what}: give one of them another name in its card")
        return [recogniser for _, recogniser in loaded.values()]

    def lpips(self, at_most: float | None = None) -> LpipsMeter | None:
        """Load LPIPS, if its weights are here. They are not fetched, as nobody needs them but to look.

        Args:
            at_most: the bound on it that the user asked for.

        Returns:
            What measures LPIPS; None where it cannot be measured.

        Raises:
            WeightsError: there is a bound, and the weights are absent or damaged.
        """
        if at_most is None and not lpips_is_here():
            return None
        try:
            return load_lpips(device=self.device, at_most=at_most)
        except WeightsError as error:
            if at_most is not None:
                raise WeightsError(f"`lpips={at_most}` cannot be held: {error}") from None
            if self._announce is not None:
                self._announce(f"LPIPS cannot be measured: {error}")
            return None

    def surrogates_of(self, key: Key, named: Sequence[str | Recogniser]) -> list[Recogniser]:
        """The recognisers that `key` was learnt against, in its order.

        Args:
            key: the user's.
            named: the user's own ("file:PATH", or loaded ones), which the key knows by name only.

        Returns:
            One for each name in the key's provenance.

        Raises:
            InputError: one of the user's own is not in `named`, or has other weights by now.
        """
        files = self._own(named)
        for name in key.provenance.recognisers:
            if name not in registry.RECORDS and name not in files:
                what = f"the key was learnt against {printable(name)}, and photos are fitted against it too"
                raise InputError(
                    f"{what}: name its file with `recognisers=`, or put the mask on unfitted with `refine=0`"
                )
        surrogates = [files[name] if name in files else self.recogniser(name) for name in key.provenance.recognisers]
        for record in (surrogate.record for surrogate in surrogates):
            if record.sha256 is not None and key.provenance.weights.get(record.name, record.sha256) != record.sha256:
                what = f"{printable(record.name)} has other weights than when the key was made"
                raise InputError(f"{what}: learn a new key with `key=`, or put the mask on unfitted with `refine=0`")
        return surrogates

    def surrogates_here(self, key: Key, named: Sequence[str | Recogniser]) -> list[Recogniser]:
        """Those recognisers that `key` was learnt against which can measure without a download, in its order.

        A person is told of the others. Nothing is fitted against them, so that is no error.

        Args:
            key: the user's.
            named: the user's own, as of `surrogates_of`.

        Returns:
            None whose weights are not here or not those that the key knows.

        Raises:
            InputError, WeightsError: one of `named` cannot be used.
        """
        files, here = self._own(named), []
        for name in key.provenance.recognisers:
            recogniser, why = self._here(name, key, files)
            if recogniser is not None:
                here.append(recogniser)
            elif self._announce is not None:
                self._announce(f"{printable(name)} does not measure the copies: {why}")
        return here

    def _here(self, name: str, key: Key, files: Mapping[str, Recogniser]) -> tuple[Recogniser | None, str]:
        """A recogniser, or the reason why it cannot measure."""
        if name not in files and name not in registry.RECORDS:
            return None, "name its file with `recognisers=`"
        if name not in files and weight_file.state(registry.RECORDS[name]) == "not fetched":
            return None, f"its weights are not here; {weight_file.cure(registry.RECORDS[name])}"
        try:
            recogniser = files[name] if name in files else self.recogniser(name)
        except WeightsError as error:
            return None, str(error)
        record, template = recogniser.record, key.templates.get(name)
        changed = record.sha256 is not None and key.provenance.weights.get(name, record.sha256) != record.sha256
        if changed or (template is not None and template.mean.shape != (record.embedding_size,)):
            return None, "it has other weights than when the key was made"
        return recogniser, ""

    def _own(self, named: Sequence[str | Recogniser]) -> dict[str, Recogniser]:
        """The user's own recognisers among `named`, by the names in their cards."""
        own = [name for name in named if not isinstance(name, str) or name.startswith("file:")]
        return {recogniser.record.name: recogniser for recogniser in self.recognisers(own)}
