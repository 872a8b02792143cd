import shutil
from dataclasses import replace

import pytest

from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.settings import MOMENTS
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.claim import Claim, begin_run
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.trainer import Trainer
from guise.models.errors import InputError, LedgerError
from tests.dpaf import toy


@pytest.fixture
def budgets(tmp_path):
    return DatasetBudgets(tmp_path / "budgets.sqlite")


def test_a_run_goes_on_under_the_file_it_began_with_only(budgets, tmp_path):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    settings = RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings())
    for _ in range(2):
        assert begin_run(folder, settings, data, budgets).folder.ledger().entries == 0
    elsewhere = DatasetBudgets(tmp_path / "elsewhere.sqlite")
    with pytest.raises(LedgerError, match=r"does not know the run"):
        begin_run(folder, settings, data, elsewhere)
    assert not elsewhere.accounts()


def test_a_budgets_file_that_was_taken_away_lets_no_run_go_on(budgets, tmp_path):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    claim = begin_run(folder, RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings()), data, budgets)
    budgets.path.unlink()
    with pytest.raises(LedgerError, match=r"does not know the run"):
        claim.paid(folder.ledger())


def test_a_run_that_cannot_be_begun_reserves_nothing(budgets, tmp_path):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    first, second = (RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings()) for _ in range(2))
    begin_run(folder, first, data, budgets)
    with pytest.raises(InputError, match="holds a run already"):
        begin_run(folder, second, data, budgets)
    assert [account.runs for account in budgets.accounts()] == [(first.run,)]


def test_nothing_is_trained_on_images_for_which_no_plan_is_reserved(budgets, tmp_path):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    settings = RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings())
    folder.begin(settings)
    refused(data, Claim(folder, budgets), "does not know the run")
    other = RunFolder(tmp_path / "other")
    settings = RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings())
    begin_run(other, settings, replace(data, digest=b"other images"), budgets)
    refused(data, Claim(other, budgets), "began with other data")


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_claim_holds_for_the_images_that_it_was_made_for_whatever_their_digest(budgets, tmp_path, part):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    settings = RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings())
    claim = begin_run(folder, settings, data, budgets)
    other = {"images": 255 - data.images, "labels": 1 - data.labels}[part]
    refused(replace(data, **{part: other}), claim, "though their digest is the same")
    Trainer(data, claim, streams=Streams())


def test_a_copy_that_lags_behind_is_not_taken_up(budgets, tmp_path):
    data, folder = toy.two_classes(), RunFolder(tmp_path / "run")
    settings = RunSettings.of(data, "toy", toy.privacy(), PerformanceSettings())
    claim = begin_run(folder, settings, data, budgets)
    copy = RunFolder(shutil.copytree(folder.path, tmp_path / "copy"))
    ledger = folder.ledger()
    ledger.charge(MOMENTS)
    claim.paid(ledger)
    with pytest.raises(LedgerError, match="is a copy"):
        begin_run(copy, settings, data, budgets)
    begin_run(folder, settings, data, budgets)


def refused(data, claim, message):
    with pytest.raises(LedgerError, match=message):
        Trainer(data, claim, streams=Streams())
    assert claim.folder.ledger().entries == 0
