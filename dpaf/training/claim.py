"""Permission to train: a run that has begun, with its plan reserved in its dataset's budgets."""

from __future__ import annotations

from dataclasses import dataclass, field

from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.data import ImageDataset
from guise.dpaf.data.dataset import content_digest
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.models.errors import InputError, LedgerError


@dataclass(frozen=True)
class Claim:
    """What `begin_run` gives and `Trainer` asks for: without it nothing is released.

    Guarantees:
        * A claim that was made by hand, on a run whose plan is not reserved, is refused before anything is released.
        * No copy of the run makes a release that another copy has paid for.
        * A claim from `begin_run` holds for the images and labels that `begin_run` got, by their content.

    What you promise: `ImageDataset.digest` belongs to the images. Budgets know a dataset by nothing else, so neither a
    resumed run nor a claim made by hand can tell other images with the same digest. `load` and `dataset_from_arrays`
    compute it. You also promise that the budgets file is the only one used for these images.

    Attributes:
        folder: of the run.
        budgets: in which its plan is reserved, and which remember how far the run has come.
        checksum: `ImageDataset.checksum` of the images that it holds for; None in a claim that was made by hand.
    """

    folder: RunFolder
    budgets: DatasetBudgets
    checksum: bytes | None = field(default=None, repr=False)  # like a digest, it tells which images were used

    def check(self, dataset: ImageDataset) -> None:
        """Make sure that the plan is reserved for this very dataset.

        Args:
            dataset: that will be trained on.

        Raises:
            LedgerError: it is not, or `begin_run` got other images.
            OutputError: the budgets cannot be used.
        """
        settings = self.folder.settings()
        known_as = self.budgets.identify(dataset.digest)
        if self.checksum is not None and dataset.checksum() != self.checksum:
            what = "the images or labels are other data than the run was begun or resumed with"
            raise LedgerError(f"{what}, though their digest is the same: call `begin_run` for these")
        group = group_of(self.budgets, settings, dataset)
        self.budgets.recall(known_as, run=settings.run, plan=settings.privacy.phases(), unit=group)

    def paid(self, ledger: Ledger) -> None:
        """Remember a charge. To be called after each charge and before its release.

        Args:
            ledger: the run's, with the charge.

        Raises:
            LedgerError: `ledger` is a copy: another one has paid for this release. Or the budgets are gone.
            OutputError: the budgets cannot be used.
        """
        self.budgets.mark(ledger)


def group_of(budgets: DatasetBudgets, settings: RunSettings, dataset: ImageDataset) -> str:
    """The name under which budgets know a run's unit: with people, also who has which images.

    Args:
        budgets: that keep the key of the hash.
        settings: of the run.
        dataset: that it is trained on.

    Raises:
        InputError: the run protects people, and the dataset does not know them, or the reverse.
    """
    if (settings.images_per_person is None) != (dataset.people is None):
        what = "one person" if dataset.people is None else "one image"
        raise InputError(f"the run protects {what}, and the data are of the other kind: resume it with its own data")
    if dataset.people is None:
        return settings.unit.name
    people = content_digest(dataset.people.numpy(), dataset.labels.numpy())
    return f"{settings.unit.name} {budgets.identify(people)}"


def begin_run(folder: RunFolder, settings: RunSettings, dataset: ImageDataset, budgets: DatasetBudgets) -> Claim:
    """Begin a run within the budget of its dataset, or take up the run in `folder` that has these settings.

    The plan is reserved before the ledger is begun; nothing stays reserved for a run that could not be begun.

    Args:
        folder: of the run.
        settings: of the run.
        dataset: that will be trained on.
        budgets: that hold the dataset's budget.

    Returns:
        What `Trainer` needs to train the run.

    Raises:
        BudgetError: the plan exceeds its own budget or, together with other runs, that of the dataset.
        InputError: another run has begun in `folder`, or the settings have no budget that means something.
        LedgerError: the run is not known to `budgets`, began with other data, or is a copy that lags behind.
        OutputError: something cannot be written.
    """
    claim = Claim(folder, budgets, dataset.checksum())
    if folder.exists and folder.settings() == settings:
        claim.check(dataset)
    else:
        known_as, plan = budgets.identify(dataset.digest), settings.privacy.phases()
        group = group_of(budgets, settings, dataset)
        budgets.reserve(known_as, settings.data, run=settings.run, plan=plan, unit=group)
        try:
            folder.begin(settings)
        except BaseException:
            budgets.withdraw(settings.run)
            raise
    claim.paid(folder.ledger())
    return claim
