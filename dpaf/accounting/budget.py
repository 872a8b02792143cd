"""What several runs on one dataset spend together, held to one budget."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld
from guise.dpaf.accounting.budget_tables import IMAGE, RUNS, TABLES, UNIT, phases_of, plan_text, units_of
from guise.dpaf.accounting.ledger import Ledger
from guise.models.errors import BudgetError, LedgerError, OutputError
from guise.models.files import printable

_UNKNOWN = "this budgets file does not know the run: name the one it began with (`budgets=`)"


@dataclass(frozen=True)
class Account:
    """One dataset: what its runs have reserved together, and what they may reserve.

    Attributes:
        dataset: the keyed hash under which this file knows the dataset.
        name: what the dataset was called when it was used last.
        runs: names of the runs, in the order in which they came.
        unit: what they protect: an image or a person. Costs of different units do not add up.
        epsilon_reserved: of all their plans together, at `delta`.
        epsilon: the budget; None where none was set.
        delta: of the budget, or where none was set, the one that was asked for.
    """

    dataset: str
    name: str
    runs: tuple[str, ...]
    epsilon_reserved: float
    epsilon: float | None
    delta: float
    unit: str = IMAGE


def default_path() -> Path:
    """Where the budgets of this user's datasets are kept."""
    return Path(platformdirs.user_data_dir("guise", appauthor=False)) / "budgets.sqlite"


class DatasetBudgets:
    """Budgets and reservations, in one SQLite file that several processes may use at once.

    A run reserves its whole plan before it spends anything, and keeps it: a crash never gives anything back.
    Datasets are known by a keyed hash, whose key stays in this file. The file is for the data's owner only: anyone else
    who reads it and holds a dataset in full learns whether it was used. Never publish it.

    Args:
        path: of the file, which is made if there is none; None takes the user's own, `default_path()`.

    Raises:
        OutputError: the file cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        with self._transaction() as database:
            if database.execute("SELECT key FROM secret").fetchone() is None:
                database.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))

    def identify(self, content: bytes) -> str:
        """The name under which this file knows a dataset.

        Args:
            content: the dataset's digest.

        Raises:
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            key = database.execute("SELECT key FROM secret").fetchone()[0]
        return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]

    def set_budget(self, dataset: str, name: str, *, epsilon: float, delta: float) -> None:
        """Limit what all runs on a dataset may spend together.

        Args:
            dataset: what `identify` gave.
            name: what people call it.
            epsilon: the budget.
            delta: the budget's delta.

        Raises:
            InputError: the budget is out of range.
            BudgetError: more is reserved already.
            OutputError: the file cannot be used.
        """
        validate.budget(epsilon, delta)
        with self._transaction() as database:
            cost = max(epsilon_pld(phases_of(database, dataset, unit), delta) for unit in units_of(database, dataset))
            if cost > epsilon:
                reserved = f"runs on {name} have reserved epsilon {cost:.4g} already"
                raise BudgetError(f"{reserved}: the budget cannot be {epsilon:g}")
            database.execute("INSERT OR REPLACE INTO budgets VALUES (?, ?, ?, ?)", (dataset, name, epsilon, delta))

    def reserve(self, dataset: str, name: str, *, run: str, plan: Sequence[Phase], unit: str = IMAGE) -> None:
        """Set aside what a new run may spend.

        Args:
            dataset: what `identify` gave.
            name: what people call it.
            run: the run's name.
            plan: its phases.
            unit: what it protects: "image", or "person" and a keyed hash of who has which images.

        Raises:
            BudgetError: together with what other runs reserved, it exceeds the dataset's budget, or it protects another
                unit than they do: nothing is set aside.
            LedgerError: the run is known already.
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            if database.execute("SELECT run FROM runs WHERE run = ?", (run,)).fetchone() is not None:
                raise LedgerError(f"run {run} has reserved its plan already: resume it, or begin another")
            limit = database.execute("SELECT epsilon, delta FROM budgets WHERE dataset = ?", (dataset,)).fetchone()
            if limit is not None:
                others = {other for other in units_of(database, dataset, runs_only=True) if other != unit}
                if others:
                    what = (
                        f"earlier runs on {name} protect one {min(others).split()[0]}, grouped in another way than this"
                    )
                    raise BudgetError(f"{what}: their costs do not add up, so its budget allows one unit only")
                before = phases_of(database, dataset, unit)
                cost = epsilon_pld([*before, *plan], limit[1])
                if cost > limit[0]:
                    spent = epsilon_pld(before, limit[1]) if before else 0.0
                    state = f"{spent:.4g} of epsilon {limit[0]:g} is reserved by earlier runs on {name}"
                    raise BudgetError(f"{state}, and with this one it would be {cost:.4g}: nothing was spent")
            database.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (run, dataset, name, plan_text(plan)))
            database.execute("INSERT INTO units VALUES (?, ?)", (run, unit))

    def recall(self, dataset: str, *, run: str, plan: Sequence[Phase], unit: str = IMAGE) -> None:
        """Make sure that a run has reserved just this plan here.

        Under a file that the run did not begin with, a copy of it could spend its plan once more.

        Args:
            dataset: what `identify` gave.
            run: the run's name.
            plan: its phases.
            unit: as for `reserve`.

        Raises:
            LedgerError: it has not.
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            known = database.execute(f"SELECT dataset, plan, {UNIT} FROM {RUNS} WHERE run = ?", (run,)).fetchone()
        if known is None:
            raise LedgerError(_UNKNOWN)
        if known != (dataset, plan_text(plan), unit):
            raise LedgerError("this run began with other data or another plan: resume it with what it began with")

    def mark(self, ledger: Ledger) -> None:
        """Remember how far a run has come. To be called after each charge, before its release.

        So no copy of the run, older or in use at the same time, makes a release that another copy has paid for.

        Args:
            ledger: the run's, with the charge.

        Raises:
            LedgerError: `ledger` is such a copy, which does not hold what the run is known to have spent. Or this file
                does not know the run, because the file was taken away meanwhile.
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM runs WHERE run = ?", (ledger.run,)).fetchone() is None:
                raise LedgerError(_UNKNOWN)
            known = database.execute("SELECT entries, head FROM marks WHERE run = ?", (ledger.run,)).fetchone()
            if known is not None and not ledger.holds(*known):
                what = f"{printable(ledger.path)} is a copy: its run has spent {known[0]} steps or more elsewhere"
                raise LedgerError(f"{what}, and noise made twice protects nobody: go on with the other folder")
            values = (ledger.run, ledger.entries, ledger.head)
            database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", values)

    def withdraw(self, run: str) -> None:
        """Give back what a run reserved. Only for a run whose ledger could not be begun.

        Args:
            run: the run's name.

        Raises:
            LedgerError: the run has begun, so it may have spent something: nothing is given back.
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM marks WHERE run = ?", (run,)).fetchone() is not None:
                raise LedgerError(f"run {run} has begun: what it reserved stays reserved")
            database.execute("DELETE FROM runs WHERE run = ?", (run,))
            database.execute("DELETE FROM units WHERE run = ?", (run,))

    def accounts(self, *, delta: float = 1e-5) -> list[Account]:
        """All datasets of this file.

        Args:
            delta: for datasets without a budget.

        Raises:
            OutputError: the file cannot be used.
        """
        with self._transaction() as database:
            budgets = {row[0]: row for row in database.execute("SELECT dataset, name, epsilon, delta FROM budgets")}
            runs = database.execute(f"SELECT run, dataset, name, {UNIT} FROM {RUNS} ORDER BY runs.rowid").fetchall()
            accounts = []
            for dataset in dict.fromkeys([*budgets, *(row[1] for row in runs)]):
                for unit in units_of(database, dataset):
                    own = [row for row in runs if (row[1], row[3]) == (dataset, unit)]
                    _, name, epsilon, at = budgets.get(dataset, (dataset, own[-1][2] if own else "", None, delta))
                    cost, names = epsilon_pld(phases_of(database, dataset, unit), at), tuple(row[0] for row in own)
                    accounts.append(Account(dataset, name, names, cost, epsilon, at, unit.split()[0]))
            return accounts

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One at a time over all processes: what is read here still holds when it is acted upon."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            self.path.chmod(0o600)  # it holds the key that datasets are hashed with
            with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute("BEGIN IMMEDIATE")
                try:
                    for statement in filter(str.strip, TABLES.split(";")):
                        database.execute(statement)
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            where = printable(self.path)
            raise OutputError(f"cannot use the budgets in {where}: {error}; check that file or name another") from error
