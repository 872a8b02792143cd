"""What runs and datasets have spent, and budgets for datasets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld
from guise.dpaf.accounting.budget import Account, DatasetBudgets
from guise.dpaf.data import ImageDataset, Source, load, name_of
from guise.dpaf.training.run_folder import RunFolder


@dataclass(frozen=True)
class PhaseSpending:
    """One phase of a run.

    Attributes:
        phase: as planned.
        charged: steps that were paid for.
        epsilon: of these steps by themselves; those of all phases do not add up.
    """

    phase: Phase
    charged: int
    epsilon: float


@dataclass(frozen=True)
class Spending:
    """What a run has spent of its budget.

    Attributes:
        phases: in order.
        spent: epsilon of all that was charged, together.
        epsilon: the budget.
        delta: the budget's delta.
        reproducible: whether the noise comes from a seed: then the run is not private.
    """

    phases: tuple[PhaseSpending, ...]
    spent: float
    epsilon: float
    delta: float
    reproducible: bool = False

    def rows(self) -> list[dict[str, object]]:
        """A row for each phase and one for all together, as a table shows them."""
        rows: list[dict[str, object]] = [
            {
                "phase": part.phase.name,
                "sampling rate": part.phase.sampling_rate,
                "noise multiplier": part.phase.noise_multiplier,
                "planned": part.phase.steps,
                "charged": part.charged,
                "epsilon": part.epsilon,
            }
            for part in self.phases
        ]
        together = f"together, of {self.epsilon:g} at delta {self.delta:g}"
        last: dict[str, object] = {"phase": together, "epsilon": self.spent}
        return [*rows, {name: last.get(name, "") for name in rows[0]}]

    def to_json(self) -> str:
        """The rows as JSON."""
        return json.dumps(self.rows(), indent=1)


@dataclass(frozen=True)
class Accounts:
    """The datasets that a file of budgets knows.

    Attributes:
        accounts: one for each dataset.
    """

    accounts: tuple[Account, ...]

    def rows(self) -> list[dict[str, object]]:
        """A row for each dataset, as a table shows them."""
        return [asdict(account) for account in self.accounts]

    def to_json(self) -> str:
        """The rows as JSON."""
        return json.dumps(self.rows(), indent=1)


def spending_of(folder: RunFolder) -> Spending:
    """What a run has spent of its budget.

    Args:
        folder: of the run.

    Raises:
        InputError: there is no run in the folder.
        LedgerError: the ledger was edited.
    """
    ledger = folder.ledger()
    spent = {phase.name: phase for phase in ledger.spent()}
    phases = tuple(
        PhaseSpending(phase, spent[phase.name].steps, epsilon_pld([spent[phase.name]], ledger.delta))
        if phase.name in spent
        else PhaseSpending(phase, 0, 0.0)
        for phase in ledger.plan
    )
    total = epsilon_pld(ledger.spent(), ledger.delta) if spent else 0.0
    return Spending(phases, total, ledger.epsilon, ledger.delta, ledger.reproducible)


def accounts(*, delta: float = 1e-5, budgets: str | Path | None = None) -> Accounts:
    """What the runs on each dataset have reserved together.

    Args:
        delta: for datasets without a budget.
        budgets: file of the datasets' budgets; None takes the user's own.

    Raises:
        OutputError: the file cannot be used.
    """
    file = DatasetBudgets(None if budgets is None else Path(budgets))
    return Accounts(tuple(file.accounts(delta=delta)))


def set_budget(data: Source, *, epsilon: float, delta: float = 1e-5, budgets: str | Path | None = None) -> Accounts:
    """Limit what all runs on a dataset may spend together.

    Args:
        data: a name or a path, as for `load`, or the images themselves.
        epsilon: the budget of all runs together.
        delta: the budget's delta.
        budgets: file of the datasets' budgets; None takes the user's own.

    Returns:
        All datasets of the file.

    Raises:
        InputError: the budget is out of range, or there is no such dataset.
        BudgetError: more is reserved already.
        OutputError: the file cannot be used.
    """
    file = DatasetBudgets(None if budgets is None else Path(budgets))
    dataset = data if isinstance(data, ImageDataset) else load(data)
    validate.budget(epsilon, delta, records=len(dataset))
    file.set_budget(file.identify(dataset.digest), name_of(data), epsilon=epsilon, delta=delta)
    return Accounts(tuple(file.accounts(delta=delta)))
