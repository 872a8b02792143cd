"""The library's face: train a run, and everything that a run can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from guise.dpaf.accounting.plan import Plan
from guise.dpaf.accounting.report import NOT_PRIVATE, PrivacyReport
from guise.dpaf.data import Source
from guise.dpaf.jobs.auditing import RunAudit, audit_run
from guise.dpaf.jobs.evaluation import Evaluation, evaluate_run
from guise.dpaf.jobs.reporting import report_run
from guise.dpaf.jobs.sampling import sample_run
from guise.dpaf.jobs.spending import Spending, spending_of
from guise.dpaf.jobs.training import TrainingOptions, train_run
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
        progress: Progress | None = None,
        announce: Announce | None = None,
    ) -> Synthetic:
        """Draw synthetic images. It costs no privacy, however many they are.

        Args:
            count: how many, at least 1.
            class_: name of the one class to draw; None draws all, each as often as the private data has it.
            equal: draw equally many of each class.
            seed: draws the same images again.
            progress: called with "drawing", images made and images in all.
            announce: called with a line if the run is not private.

        Returns:
            Images, labels and the share of draws that showed their class; it unpacks into images and labels.

        Raises:
            InputError: nothing was trained yet, or an option is out of range.
            LedgerError: the ledger was edited.
        """
        drawn = sample_run(self._folder, count, class_=class_, equal=equal, seed=seed, progress=progress)
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
            training: the private data, for `neighbours`.
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
            seed=seed,
            device=device,
            progress=progress,
            announce=announce,
        )

    def report(self) -> PrivacyReport:
        """Write privacy.json, privacy.md and privacy.png into the run's folder: the guarantee and how to check it.

        Raises:
            InputError: the kept audit is damaged.
            LedgerError: the ledger was edited.
            OutputError: a file cannot be written.
        """
        return report_run(self._folder)

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


def train(
    data: Source,
    *,
    epsilon: float | None = None,
    out: str | Path,
    delta: float | None = None,
    size: int | None = None,
    preset: str = "moments",
    minutes: float = 2.0,
    physical_batch_size: int | None = None,
    budgets: str | Path | None = None,
    resume: bool = False,
    unsafe_reproducible: int | None = None,
    as_is: bool = False,
    on_plan: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Run:
    """Train a generator of images like those in `data`, spending at most (epsilon, delta).

    Neighbours: add or remove one image with its label. The plan is reserved in the dataset's budgets before anything is
    released, and each release is charged to the ledger before it is made. Stopped, the run goes on with `resume=True`.
    Under `torchrun` all processes train one run together. The folder also gets samples.png, a sheet of samples.

    Args:
        data: the private images, as for `load` (a folder, an npz, parquet or idx file, a name such as "digits"), or
            themselves.
        epsilon: the budget, needed unless `resume` is true.
        out: folder of the run.
        delta: the budget's delta; None takes 1e-5, or less for more than 50,000 images.
        size: side of the images: 28, 32, 64 or 128; None takes the nearest.
        preset: one of `PRESETS`, which say what is released.
        minutes: of fitting the generator, which costs no privacy.
        physical_batch_size: images worked on at once; changes memory only.
        budgets: file of the datasets' budgets; None takes the user's own.
        resume: go on with the run in `out`, as it was planned: `size`, `preset`, `minutes` and `physical_batch_size`
            have no effect then.
        unsafe_reproducible: NOT PRIVATE: a seed for the noise, for tests.
        as_is: take the data as they are, though their range fills less than a tenth of what their type holds, or
            classes are called train or test.
        on_plan: called with the plan of a new run before anything is spent, to show it; `print` will do. Raise an
            exception to stop.
        progress: called with what is being done, steps done and steps in all.
        announce: called with lines for a person, such as what was spent so far.

    Raises:
        InputError: an option is out of range, the data cannot be used, or `out` holds another run.
        BudgetError: the plan exceeds the dataset's budget: nothing was spent.
        LedgerError: the ledger was edited, or another copy of the run has gone on meanwhile.
        OfflineError: the data cannot be fetched.
        OutputError: something cannot be written, or another program uses `out`.
        PrivacyError: the guarantee could not be kept.
    """
    options = TrainingOptions(
        data=data,
        out=Path(out).absolute(),
        epsilon=epsilon,
        delta=delta,
        size=size,
        preset=preset,
        minutes=minutes,
        physical_batch_size=physical_batch_size,
        budgets=None if budgets is None else Path(budgets).absolute(),
        resume=resume,
        unsafe_reproducible=unsafe_reproducible,
        as_is=as_is,
    )
    return Run(train_run(options, on_plan=on_plan, progress=progress, announce=announce).path)
