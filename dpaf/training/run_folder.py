"""One run's folder: settings, ledger and checkpoint. It holds no record and no secret."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from guise.dpaf import validate
from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.run_settings import RunSettings
from guise.models.errors import InputError, LedgerError
from guise.models.files import atomic_write, printable

_SETTINGS, _LEDGER, _CHECKPOINT, _AUDIT = "run.json", "ledger.jsonl", "checkpoint.safetensors", "audit.json"
_FORMAT = "guise dpaf run 1"


class RunFolder:
    """Reads and writes a run's files.

    Args:
        path: of the folder, which may be missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return self.path / _LEDGER

    @property
    def exists(self) -> bool:
        """Whether a run has begun here."""
        return (self.path / _SETTINGS).exists() or self.ledger_path.exists()

    def begin(self, settings: RunSettings) -> Ledger:
        """Write the settings and begin the ledger. To be called by `begin_run`, which reserves the plan before.

        Args:
            settings: of the run.

        Raises:
            InputError: a run has begun here already, or the settings have no budget that means something.
            BudgetError: the plan exceeds its budget.
            OutputError: it cannot be written.
        """
        if self.exists:
            what = f"{printable(self.path)} holds a run already"
            raise InputError(f"{what}: go on with it with `resume=True`, or choose another folder with `out=`")
        privacy = settings.privacy
        if privacy.epsilon is None:
            raise InputError("these settings have no budget: calibrate them to one")
        validate.budget(privacy.epsilon, privacy.delta, records=settings.records)
        values = {"format": _FORMAT, **asdict(settings)}
        with atomic_write(self.path / _SETTINGS) as file:
            file.write(json.dumps(values, indent=1).encode() + b"\n")
        try:
            return Ledger.create(
                self.ledger_path,
                privacy.phases(),
                epsilon=privacy.epsilon,
                delta=privacy.delta,
                run=settings.run,
                reproducible=settings.reproducible,
                unit=settings.unit,
            )
        except BaseException:
            (self.path / _SETTINGS).unlink(missing_ok=True)  # no run without a ledger
            raise

    def settings(self) -> RunSettings:
        """What the run is.

        Raises:
            InputError: there is no run here, or its settings are damaged.
        """
        path = self.path / _SETTINGS
        try:
            values = json.loads(path.read_text("utf-8"))
            if values.pop("format") != _FORMAT:
                raise ValueError("another format")
            values["privacy"] = PrivacySettings(**values["privacy"])
            values["performance"] = PerformanceSettings(**values["performance"])
            values["classes"] = tuple(values["classes"])
            return RunSettings(**values)
        except FileNotFoundError:
            raise InputError(f"no run in {printable(self.path)}: name a folder that `guise dpaf train` made") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"cannot read {printable(path)}: {error}; restore it from a copy") from None

    def ledger(self) -> Ledger:
        """The run's ledger, checked.

        Raises:
            LedgerError: it is damaged, was edited, or is another run's.
        """
        ledger, settings = Ledger.open(self.ledger_path), self.settings()
        privacy = settings.privacy
        same = (ledger.run, ledger.plan, ledger.epsilon, ledger.delta, ledger.reproducible, ledger.relation)
        told = (settings.run, privacy.phases(), privacy.epsilon, privacy.delta, settings.reproducible)
        if same != (*told, settings.unit.relation):
            raise LedgerError(f"the ledger in {printable(self.path)} and run.json do not belong together: restore them")
        return ledger

    def check_room(self, size: int) -> None:
        """Find a full disk before anything is paid for.

        Args:
            size: bytes.

        Raises:
            OutputError: a checkpoint of so many bytes cannot be written in addition to what is there.
        """
        path = self.path / "room"
        with atomic_write(path) as file:
            file.write(secrets.token_bytes(size))  # random: some disks keep zeros in no space
        path.unlink()

    def save(self, tensors: Mapping[str, Tensor], ledger: Ledger) -> None:
        """Write the checkpoint, whole or not at all, with the ledger's state in it.

        Args:
            tensors: of the training state.
            ledger: of the run.

        Raises:
            OutputError: it cannot be written.
        """
        known = {"run": ledger.run, "entries": str(ledger.entries), "head": ledger.head}
        with atomic_write(self.path / _CHECKPOINT) as file:
            file.write(save_tensors(dict(tensors), metadata=known))

    def checkpoint(self, ledger: Ledger | None = None) -> dict[str, Tensor] | None:
        """The last checkpoint, None before the first.

        Args:
            ledger: of the run, where it was read already.

        Raises:
            LedgerError: it is another run's, or the ledger has lost entries since.
            InputError: it is damaged.
        """
        path = self.path / _CHECKPOINT
        ledger = ledger or self.ledger()
        try:
            with safe_open(path, framework="pt") as file:
                known = file.metadata()
                tensors: dict[str, Tensor] = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            if known["run"] != ledger.run or not ledger.holds(int(known["entries"]), known["head"]):
                what = f"the ledger in {printable(self.path)} does not hold what its checkpoint was made from"
                raise LedgerError(f"{what}: restore both from one copy")
            return tensors
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(f"cannot read {printable(path)}: {error}; restore it from a copy") from None

    def keep_audit(self, audit: Audit) -> None:
        """Write an audit's result into the folder.

        Args:
            audit: its result.

        Raises:
            OutputError: it cannot be written.
        """
        with atomic_write(self.path / _AUDIT) as file:
            file.write(json.dumps({"run": self.settings().run, **asdict(audit)}, indent=1).encode() + b"\n")

    def audit(self) -> Audit | None:
        """The last audit's result, None where none was made.

        Raises:
            InputError: it is damaged, or another run's.
        """
        path = self.path / _AUDIT
        try:
            values = json.loads(path.read_text("utf-8"))
            if values.pop("run") != self.settings().run:
                raise ValueError("it is another run's")
            if not all(isinstance(value, int | float) for value in values.values()):
                raise ValueError("its values are no numbers")
            return Audit(**values)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"cannot read {printable(path)}: {error}; audit again") from None
