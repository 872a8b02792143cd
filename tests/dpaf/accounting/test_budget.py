import multiprocessing
import sqlite3
import stat

import pytest

from guise.dpaf.accounting.accountants import Phase, epsilon_pld
from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.ledger import Ledger
from guise.models.errors import BudgetError, LedgerError, OutputError

PLAN = (Phase("means", 1.0, 8.0),)  # epsilon 0.43 at 1e-5
COST = 0.43


@pytest.fixture
def budgets(tmp_path):
    return DatasetBudgets(tmp_path / "budgets.sqlite")


def test_runs_on_one_dataset_compose(budgets):
    for run in "ab":
        budgets.reserve("d", "photos", run=run, plan=PLAN)
    (account,) = budgets.accounts()
    assert account.runs == ("a", "b") and account.epsilon is None
    assert account.epsilon_reserved == pytest.approx(epsilon_pld([Phase("m", 1.0, 8.0, 2)], 1e-5), rel=1e-3)


def test_a_budget_holds_across_runs_and_not_across_datasets(budgets):
    budgets.set_budget("d", "photos", epsilon=0.5, delta=1e-5)
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    with pytest.raises(BudgetError, match="earlier runs on photos"):
        budgets.reserve("d", "photos", run="b", plan=PLAN)
    budgets.reserve("other", "other", run="b", plan=PLAN)
    assert [account.runs for account in budgets.accounts()] == [("a",), ("b",)]


def test_costs_of_images_and_of_people_are_kept_apart(budgets):
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    budgets.reserve("d", "photos", run="b", plan=PLAN, unit="person x")
    told = [(account.unit, account.runs, round(account.epsilon_reserved, 2)) for account in budgets.accounts()]
    assert told == [("image", ("a",), COST), ("person", ("b",), COST)]
    budgets.set_budget("d", "photos", epsilon=9, delta=1e-5)
    for unit in ("image", "person x", "person y"):
        with pytest.raises(BudgetError, match="their costs do not add up"):
            budgets.reserve("d", "photos", run="c", plan=PLAN, unit=unit)
    with pytest.raises(LedgerError, match="other data"):
        budgets.recall("d", run="b", plan=PLAN, unit="person y")
    budgets.recall("d", run="b", plan=PLAN, unit="person x")


def test_a_file_of_a_former_version_holds_runs_that_protect_images(budgets):
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    with sqlite3.connect(budgets.path) as database:
        database.execute("DROP TABLE units")
    (account,) = budgets.accounts()
    assert account.unit == "image" and account.epsilon_reserved == pytest.approx(COST, abs=0.01)
    budgets.recall("d", run="a", plan=PLAN)


def test_a_run_reserves_once(budgets):
    budgets.set_budget("d", "photos", epsilon=0.5, delta=1e-5)
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    budgets.recall("d", run="a", plan=PLAN)
    with pytest.raises(LedgerError, match="already"):
        budgets.reserve("d", "photos", run="a", plan=PLAN)
    with pytest.raises(LedgerError, match="other data"):
        budgets.recall("elsewhere", run="a", plan=PLAN)


def test_what_a_run_reserved_is_given_back_only_before_it_begins(budgets, tmp_path):
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    budgets.withdraw("a")
    assert not budgets.accounts()
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    ledger = Ledger.create(tmp_path / "ledger.jsonl", PLAN, epsilon=1.0, delta=1e-5, run="a")
    ledger.charge("means")
    budgets.mark(ledger)
    with pytest.raises(LedgerError, match="run a has begun"):
        budgets.withdraw("a")
    (account,) = budgets.accounts()
    assert account.runs == ("a",) and account.epsilon_reserved == pytest.approx(COST, abs=0.01)


def test_the_file_with_the_key_is_its_owner_s_alone(budgets):
    assert stat.S_IMODE(budgets.path.stat().st_mode) == 0o600


def test_no_budget_below_what_is_reserved(budgets):
    budgets.reserve("d", "photos", run="a", plan=PLAN)
    with pytest.raises(BudgetError, match="already"):
        budgets.set_budget("d", "photos", epsilon=0.2, delta=1e-5)


def test_datasets_are_known_by_a_hash_that_only_this_file_gives(budgets, tmp_path):
    elsewhere = DatasetBudgets(tmp_path / "elsewhere.sqlite")
    assert budgets.identify(b"x") == DatasetBudgets(budgets.path).identify(b"x")
    assert len({budgets.identify(b"x"), budgets.identify(b"y"), elsewhere.identify(b"x")}) == 3


def test_a_damaged_file_is_one_clear_line(tmp_path):
    path = tmp_path / "b.sqlite"
    path.write_bytes(b"not a database, and long enough to be looked at" * 50)
    with pytest.raises(OutputError, match="budgets"):
        DatasetBudgets(path)


def _reserve(path, run, results):
    try:
        DatasetBudgets(path).reserve("d", "photos", run=run, plan=PLAN)
        results.put("reserved")
    except BudgetError:
        results.put("refused")


def test_two_processes_cannot_both_take_the_last_of_a_budget(budgets):
    budgets.set_budget("d", "photos", epsilon=0.5, delta=1e-5)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_reserve, args=(budgets.path, str(n), results)) for n in range(2)]
    for worker in workers:
        worker.start()
    assert sorted(results.get(timeout=60) for _ in workers) == ["refused", "reserved"]
    for worker in workers:
        worker.join()
