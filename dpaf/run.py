"""The library's face: everything that a run can do."""

from __future__ import annotations

from pathlib import Path

from guise.dpaf.accounting.report import NOT_PRIVATE, PrivacyReport
from guise.dpaf.data import Source
from guise.dpaf.jobs.auditing import RunAudit, audit_run
from guise.dpaf.jobs.evaluation import Evaluation, evaluate_run
from guise.dpaf.jobs.reporting import report_run
from guise.dpaf.jobs.sampling import sample_run
from guise.dpaf.jobs.spending import Spending, spending_of
from guise.dpaf.synthesis.samples import Synthetic
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.models.watching import Announce, Progress


class Run:
    """A run that has begun: its generator, its ledger, its guarantee.

    Attributes:
        path: the folder of the run.
        settings: what the run is, all of it public.

    Raises:
        InputError: there is no run in the folder, or its settings are damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self._folder = RunFolder(self.path)
        self.settings: RunSettings = self._folder.settings()

    def __repr__(self) -> str:
        privacy, warning = self.settings.privacy, ", NOT PRIVATE" if self.reproducible else ""
        guarantee = f"epsilon={privacy.epsilon}, delta={privacy.delta}{warning}"
        return f"Run({str(self.path)!r}, data={self.settings.data!r}, {guarantee})"

    @property
    def reproducible(self) -> bool:
        """Whether the noise comes from a seed: then the run is NOT private."""
        return self.settings.reproducible

    def sample(
        self,
        count: int,
        *,
        class_: str | None = None,
        equal: bool = False,
        seed: int | None = None,
        evaluation: str | Path | None = None,
        progress: Progress | None = None,
        announce: Announce | None = None,
    ) -> Synthetic:
        """Draw synthetic images. It costs no privacy, however many they are.

        Args:
            count: how many, at least 1.
            class_: name of the one class to draw; None draws all, each as often as the private data has it.
            equal: draw equally many of each class.
            seed: draws the same images again.
            evaluation: file of what `Evaluation.to_json` gave, for the card that is saved with the images.
            progress: called with "drawing", images made and images in all.
            announce: called with a line if the run is not private.

        Returns:
            Images, labels and the share of draws that showed their class; it unpacks into images and labels.

        Raises:
            InputError: nothing was trained yet, or an option is out of range.
            LedgerError: the ledger was edited.
        """
        figures = None if evaluation is None else Path(evaluation)
        drawn = sample_run(
            self._folder, count, class_=class_, equal=equal, seed=seed, evaluation=figures, progress=progress
        )
        self._warn(announce)
        return drawn

    def evaluate(
        self,
        *,
        test: Source,
        protocol: str = "quick",
        extractor: str = "scattering",
        count: int | None = None,
        neighbours: str | Path | None = None,
        training: Source | None = None,
        baseline: str | Path | None = None,
        seed: int = 0,
        device: str = "auto",
        progress: Progress | None = None,
        announce: Announce | None = None,
    ) -> Evaluation:
        """Train classifiers on images drawn from the run, test them on real images, and measure the Frechet distance.

        Where the real images are private, so are the figures: do not publish them.

        Args:
            test: real images that took no part in training, as for `load`: its test split, or all where there is none.
            protocol: "quick" trains one small network, "full" three large ones.
            extractor: of the features for the Frechet distance: "scattering" or "inception".
            count: synthetic images, at least 24; None takes 20,000, or 60,000 for the full protocol.
            neighbours: a new PNG file of synthetic images, each above the private one nearest to it: it shows those.
            training: the private data: to attack the samples by them, and for `neighbours`.
            baseline: folder that `dpaf.baseline` made: the classifier in it is tested with the same images.
            seed: of the samples and the classifiers.
            device: to train classifiers on, such as "cpu" or "cuda"; "auto" takes a GPU where there is one.
            progress: called with what is being done, steps done and steps in all.
            announce: called with lines for a person.

        Raises:
            InputError: an option is out of range, or the images do not go together.
            LedgerError: the ledger was edited.
            OutputError: the picture cannot be written.
            WeightsError: the extractor's weights are damaged.
        """
        self._warn(announce)
        return evaluate_run(
            self._folder,
            test=test,
            protocol=protocol,
            extractor=extractor,
            count=count,
            neighbours=None if neighbours is None else Path(neighbours),
            training=training,
            baseline=None if baseline is None else Path(baseline),
            seed=seed,
            device=device,
            progress=progress,
            announce=announce,
        )

    def report(self, *, evaluation: str | Path | None = None, page: str | Path | None = None) -> PrivacyReport:
        """Write privacy.json, privacy.md, privacy.png and report.html into the run's folder, to be published with it.

        Args:
            evaluation: file of what `Evaluation.to_json` gave: its figures go into the page, which must lie elsewhere,
                for they come from real images.
            page: an HTML file to write in the place of report.html.

        Raises:
            InputError: the kept audit or the evaluation is damaged, or the page would lie in the run's folder.
            LedgerError: the ledger was edited.
            OutputError: a file cannot be written.
        """
        figures, place = (None if path is None else Path(path) for path in (evaluation, page))
        return report_run(self._folder, evaluation=figures, page=place)

    def audit(self, *, runs: int = 200, progress: Progress | None = None, announce: Announce | None = None) -> RunAudit:
        """Play the adversary against the mechanisms, noise and rates of the run. Needs no data and spends nothing.

        The result is kept in the folder, and the report shows it. It can refute the guarantee, never prove it.

        Args:
            runs: games with a canary, and as many without, for each phase and each world; at least 20.
            progress: called with "games", games played and games in all.
            announce: called with a line if the run is not private.

        Raises:
            InputError: `runs` is out of range.
            LedgerError: the ledger was edited.
            OutputError: the result cannot be written.
        """
        self._warn(announce)
        return audit_run(self._folder, runs=runs, progress=progress)

    def spending(self, *, announce: Announce | None = None) -> Spending:
        """What the run has spent of its budget, phase by phase.

        Args:
            announce: called with a line if the run is not private.

        Raises:
            LedgerError: the ledger was edited.
        """
        self._warn(announce)
        return spending_of(self._folder)

    def _warn(self, announce: Announce | None) -> None:
        if self.reproducible and announce is not None:
            announce(NOT_PRIVATE)


def open_run(path: str | Path) -> Run:
    """The run in a folder that `train` made.

    Args:
        path: the folder of the run.

    Raises:
        InputError: there is no run in the folder, or its settings are damaged.
    """
    return Run(path)
