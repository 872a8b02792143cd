"""Permission to train: a run that has begun, with its plan reserved in its dataset's budgets."""

from __future__ import annotations

from dataclasses import dataclass

from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.data import ImageDataset
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings


@dataclass(frozen=True)
class Claim:
    """What `begin_run` gives and `Trainer` asks for: without it nothing is released.

    Guarantees:
        * A claim that was made by hand, on a run whose plan is not reserved, is refused before anything is released.
        * No copy of the run makes a release that another copy has paid for.

    Attributes:
        folder: of the run.
        budgets: in which its plan is reserved, and which remember how far the run has come.
    """

    folder: RunFolder
    budgets: DatasetBudgets

    def check(self, dataset: ImageDataset) -> None:
        """Make sure that the plan is reserved for this very dataset.

        Args:
            dataset: that will be trained on.

        Raises:
            LedgerError: it is not.
            OutputError: the budgets cannot be used.
        """
        settings = self.folder.settings()
        known_as = self.budgets.identify(dataset.digest)
        self.budgets.recall(known_as, run=settings.run, plan=settings.privacy.phases())

    def paid(self, ledger: Ledger) -> None:
        """Remember a charge. To be called after each charge and before its release.

        Args:
            ledger: the run's, with the charge.

        Raises:
            LedgerError: `ledger` is a copy: another one has paid for this release. Or the budgets are gone.
            OutputError: the budgets cannot be used.
        """
        self.budgets.mark(ledger)


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
    claim = Claim(folder, budgets)
    if folder.exists and folder.settings() == settings:
        claim.check(dataset)
    else:
        known_as, plan = budgets.identify(dataset.digest), settings.privacy.phases()
        budgets.reserve(known_as, settings.data, run=settings.run, plan=plan)
        try:
            folder.begin(settings)
        except BaseException:
            budgets.withdraw(settings.run)
            raise
    claim.paid(folder.ledger())
    return claim
