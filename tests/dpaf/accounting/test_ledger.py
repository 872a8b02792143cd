import json
import multiprocessing
import os
import signal

import pytest

from guise.dpaf.accounting.accountants import Phase
from guise.dpaf.accounting.ledger import Ledger
from guise.models.errors import BudgetError, InputError, LedgerError, OutputError

PLAN = (Phase("means", 1.0, 5.0), Phase("steps", 0.1, 3.0, 4))


@pytest.fixture
def ledger(tmp_path):
    return Ledger.create(tmp_path / "ledger.jsonl", PLAN, epsilon=2.0, delta=1e-5, run="r1")


def test_what_was_charged_is_on_the_disk_before_charge_returns(ledger):
    assert ledger.charge("means").entry == 0
    assert ledger.charge("steps").entry == 1
    again = Ledger.open(ledger.path)
    assert again.spent() == (PLAN[0], Phase("steps", 0.1, 3.0, 1))
    assert again.head == ledger.head and again.remaining("steps") == 3


def test_no_step_beyond_the_plan(ledger):
    for _ in range(4):
        ledger.charge("steps")
    before = ledger.path.read_bytes()
    with pytest.raises(BudgetError, match="no further 'steps'"):
        ledger.charge("steps")
    with pytest.raises(BudgetError):
        ledger.charge("something else")
    assert ledger.path.read_bytes() == before


def test_of_two_open_copies_the_second_to_charge_is_refused(ledger):
    other = Ledger.open(ledger.path)
    ledger.charge("means")
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match="another process has charged"):
        other.charge("means")
    assert ledger.path.read_bytes() == before and Ledger.open(ledger.path).remaining("means") == 0


def test_a_plan_beyond_the_budget_is_not_begun(tmp_path):
    with pytest.raises(BudgetError, match=r"the budget is 0\.5"):
        Ledger.create(tmp_path / "l", PLAN, epsilon=0.5, delta=1e-5, run="r")
    assert not (tmp_path / "l").exists()


def test_an_existing_ledger_is_not_begun_anew(ledger):
    with pytest.raises(InputError, match="exists already"):
        Ledger.create(ledger.path, PLAN, epsilon=2.0, delta=1e-5, run="r2")


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("how", ["alter", "drop", "garble"])
def test_edits_are_found(ledger, line, how):
    for phase in ("means", "steps", "steps"):
        ledger.charge(phase)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    if how == "drop":
        del lines[line]
    elif how == "garble":
        lines[line] = b"garbled\n"
    else:
        lines[line] = lines[line].replace(b'"means"', b'"steps"').replace(b'"epsilon":2.0', b'"epsilon":9.0')
        if line == 2:
            lines[line] = lines[line].replace(b'"steps"', b'"means"')
    ledger.path.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError):
        Ledger.open(ledger.path)


def test_a_ledger_cut_short_does_not_hold_what_a_checkpoint_remembers(ledger):
    ledger.charge("means")
    entries, head = ledger.entries, ledger.head
    ledger.charge("steps")
    assert Ledger.open(ledger.path).holds(entries, head)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(lines[0])
    assert not Ledger.open(ledger.path).holds(entries, head)


def test_a_line_cut_short_by_a_crash_was_never_paid(ledger):
    ledger.charge("means")
    with ledger.path.open("ab") as file:
        file.write(b'{"entry":1,"ph')
    again = Ledger.open(ledger.path)
    assert again.entries == 1
    again.charge("steps")
    assert Ledger.open(ledger.path).entries == 2


def test_a_full_disk_charges_nothing(ledger, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        ledger.charge("means")
    assert ledger.entries == 0
    monkeypatch.undo()
    with pytest.raises(BudgetError):
        ledger.charge("means")  # whether the line reached the disk is unknown, so this copy of the ledger is no guide
    assert Ledger.open(ledger.path).entries == 1


def test_a_ledger_that_could_not_be_written_does_not_block_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    path = tmp_path / "l"
    with pytest.raises(OutputError, match="No space left"):
        Ledger.create(path, PLAN, epsilon=2.0, delta=1e-5, run="r")
    monkeypatch.undo()
    assert Ledger.create(path, PLAN, epsilon=2.0, delta=1e-5, run="r").entries == 0


@pytest.mark.parametrize("phase", [[], {}, None, 1])
def test_a_phase_that_is_no_name_is_one_clear_line(ledger, phase):
    line = {"entry": 0, "phase": phase, "previous": ledger.head, "nonce": ""}
    with ledger.path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(LedgerError, match="does not follow"):
        Ledger.open(ledger.path)


def test_ledgers_hold_no_sizes_of_batches(ledger):
    ledger.charge("steps")
    entry = json.loads(ledger.path.read_bytes().splitlines()[1])
    assert entry.keys() == {"entry", "phase", "previous", "nonce"}


def _charge_and_tell(path, pipe):
    ledger = Ledger.open(path)
    while True:
        pipe.send(ledger.charge("steps").entry)


def test_kill_9_never_under_counts(tmp_path):
    plan = (Phase("steps", 0.001, 50.0, 100_000),)
    path = tmp_path / "ledger"
    Ledger.create(path, plan, epsilon=2.0, delta=1e-5, run="r")
    ours, theirs = multiprocessing.Pipe()
    worker = multiprocessing.get_context("fork").Process(target=_charge_and_tell, args=(path, theirs))
    worker.start()
    told = [ours.recv() for _ in range(20)]
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    while ours.poll():
        told.append(ours.recv())
    assert Ledger.open(path).entries >= len(told)
