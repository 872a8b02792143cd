"""An append-only record of every release, on the disk before the release happens."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld
from guise.dpaf.accounting.ledger_lines import append, encoded, line_hash, parsed
from guise.dpaf.accounting.unit import Unit
from guise.models.errors import BudgetError, InputError, LedgerError
from guise.models.files import printable
from guise.models.files.atomic import sync_folder, write_error

_FORMAT = "guise ledger 1"


@dataclass(frozen=True)
class Charge:
    """One release that was paid for, whether or not the program lived to make it.

    Attributes:
        entry: its place in the ledger, from 0; never comes twice, so that noise can be told apart by it.
        phase: the name of the phase it belongs to.
    """

    entry: int
    phase: str


class Ledger:
    """The plan that a run may spend, and what it has spent of it; each line holds the hash of the line before.

    Guarantees:
        * `charge` returns once its line is on the disk; make the release after that. A crash can charge for a release
          that was never made, never the reverse.
        * No charge is made that the plan does not hold, and no plan is begun that exceeds its budget.
        * A line that was altered, taken out or put in is found when the ledger is opened. Lines cut off at the end are
          found by those who remember `head`, as checkpoints do; so is a chain that was forged anew as a whole.
        * No two copies of a ledger are charged alike: each line holds a random number.

    A ledger says nothing about the records but how they were sampled: it may be published.

    Args:
        path: of the ledger.
        lines: of it, without their ends. Use `create` or `open`.

    Raises:
        LedgerError: the lines are damaged or were edited.
    """

    def __init__(self, path: Path, lines: list[bytes]) -> None:
        self.path = path
        self._header = parsed(path, lines[0])
        try:
            self.plan = tuple(Phase(**phase) for phase in self._header["plan"])
            self.epsilon, self.delta = float(self._header["epsilon"]), float(self._header["delta"])
            self.run = str(self._header["run"])
            self.reproducible, self.relation = bool(self._header["reproducible"]), str(self._header["relation"])
            self._limits = {phase.name: phase.steps for phase in self.plan}
            if self._header["format"] != _FORMAT:
                raise ValueError
        except (KeyError, TypeError, ValueError, InputError):
            raise LedgerError(f"{printable(path)} is no ledger of this program: restore it from a copy") from None
        self._heads, self._bytes = [line_hash(lines[0])], len(lines[0]) + 1
        self._spent: Counter[str] = Counter()
        for place, line in enumerate(lines[1:]):
            self._check(place, line)

    @classmethod
    def create(
        cls,
        path: Path,
        plan: Sequence[Phase],
        *,
        epsilon: float,
        delta: float,
        run: str,
        reproducible: bool = False,
        unit: Unit = Unit(),  # noqa: B008  (frozen)
    ) -> Ledger:
        """Begin a ledger with a plan that keeps to (epsilon, delta).

        Args:
            path: of the ledger, which must not exist.
            plan: phases, in order.
            epsilon: the budget.
            delta: the budget's delta.
            run: the run's name.
            reproducible: whether noise comes from a seed: then the run is not private.
            unit: whom the plan protects.

        Raises:
            BudgetError: the plan costs more.
            InputError: the budget is out of range, two phases have one name, or there is a ledger already.
            OutputError: it cannot be written.
        """
        validate.budget(epsilon, delta)
        if len({phase.name for phase in plan}) != len(plan):
            raise InputError("two phases of the plan have one name: give each its own")
        cost = epsilon_pld(plan, delta)
        if cost > epsilon:
            raise BudgetError(f"the plan costs epsilon {cost:.4g}, the budget is {epsilon:g}: add noise")
        header = {
            "format": _FORMAT,
            "run": run,
            "reproducible": reproducible,
            "epsilon": epsilon,
            "delta": delta,
            "relation": unit.relation,
            "plan": [asdict(phase) for phase in plan],
        }
        line = encoded(header)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            append(path, line, os.O_CREAT | os.O_EXCL, after=0)
            sync_folder(path.parent)
        except FileExistsError:
            raise InputError(f"{printable(path)} exists already: resume its run, or choose another folder") from None
        except OSError as error:
            with suppress(OSError):
                path.unlink()  # a part of a ledger would block the folder
            raise write_error(path, error) from error
        return cls(path, [line.rstrip(b"\n")])

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Read a ledger and check every line.

        Args:
            path: of the ledger.

        Raises:
            LedgerError: it is missing, damaged, or was edited.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            what = f"there is no ledger {printable(path)}"
            raise LedgerError(f"{what}: restore it, or if the run was stopped as it began, begin another") from None
        except OSError as error:
            raise LedgerError(f"cannot read the ledger {printable(path)}: {error.strerror}") from None
        whole, _, torn = data.rpartition(b"\n")
        if not whole:
            raise LedgerError(f"the ledger {printable(path)} is empty: restore it from a copy")
        ledger = cls(path, whole.split(b"\n"))
        ledger._torn = len(torn)
        return ledger

    _torn = 0

    @property
    def entries(self) -> int:
        """How many charges there are."""
        return len(self._heads) - 1

    @property
    def head(self) -> str:
        """The hash of the last line: with `entries`, it fixes all that was spent so far."""
        return self._heads[-1]

    def holds(self, entries: int, head: str) -> bool:
        """Whether this ledger goes on from an earlier state.

        Args:
            entries: of the earlier state.
            head: of the earlier state.
        """
        return 0 <= entries < len(self._heads) and self._heads[entries] == head

    def remaining(self, phase: str) -> int:
        """Charges that the plan still holds for a phase.

        Args:
            phase: its name.
        """
        return self._limits.get(phase, 0) - self._spent[phase]

    def charge(self, phase: str) -> Charge:
        """Pay for one step of a phase. Make its release after this returns, and with no less than its noise.

        Args:
            phase: its name.

        Raises:
            BudgetError: the plan holds no further step of that phase.
            LedgerError: another process has charged since this ledger was opened: nothing was charged.
            OutputError: the charge cannot be written: make no release. Open the ledger anew to go on.
        """
        if self.remaining(phase) < 1:
            raise BudgetError(f"the plan holds no further {phase!r} step: open the ledger anew to see what is left")
        charge = {"entry": self.entries, "phase": phase, "previous": self.head, "nonce": secrets.token_hex(8)}
        line = encoded(charge)
        try:
            append(self.path, line, 0, after=self._bytes, torn=self._torn)
            self._torn = 0
        except OSError as error:
            self._limits = dict.fromkeys(self._limits, 0)  # what reached the disk is unknown: charge no more here
            raise write_error(self.path, error) from error
        self._check(self.entries, line.rstrip(b"\n"))
        return Charge(self.entries - 1, phase)

    def spent(self) -> tuple[Phase, ...]:
        """What was charged so far, as phases to be composed."""
        return tuple(
            Phase(phase.name, phase.sampling_rate, phase.noise_multiplier, self._spent[phase.name])
            for phase in self.plan
            if self._spent[phase.name]
        )

    def _check(self, place: int, line: bytes) -> None:
        entry = parsed(self.path, line)
        known = [*self._limits]  # what is compared may be no string
        if entry.get("entry") != place or entry.get("previous") != self.head or entry.get("phase") not in known:
            where = f"line {place + 2} of {printable(self.path)}"
            raise LedgerError(f"{where} does not follow from the lines before, as if edited: restore it from a copy")
        self._spent[entry["phase"]] += 1
        if self.remaining(entry["phase"]) < 0:
            raise LedgerError(f"{printable(self.path)} holds more {entry['phase']!r} than its plan: restore it")
        self._heads.append(line_hash(line))
        self._bytes += len(line) + 1
