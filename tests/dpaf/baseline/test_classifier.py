"""A private classifier without synthetic images, by the ledger, the budgets and the mechanisms of all other runs."""

from dataclasses import replace

import numpy as np
import pytest

from guise import dpaf
from guise.cli.dpaf import dpaf as commands
from guise.dpaf.baseline.classifier import PRIVACY, performance_for
from guise.models.errors import BudgetError, InputError
from tests.cli.command_line import call, check_refused
from tests.dpaf import toy

STEPS = 12


@pytest.fixture(scope="module")
def data():
    return toy.two_classes(200)


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guise.dpaf.jobs.baseline.PRIVACY", dpaf.PrivacySettings(moments_noise=None, head_steps=STEPS))
        yield


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("baseline")
    plans = []
    options = {"epsilon": 20, "delta": 1e-3, "budgets": folder / "budgets.sqlite", "on_plan": plans.append}
    classifier = dpaf.baseline(data, out=folder / "run", **options)
    (plan,) = plans
    assert plan.records == 200 and "cat" not in str(plan)
    return folder / "run", classifier


def test_it_learns_and_spends_its_plan(run, data):
    path, classifier = run
    ledger = dpaf.RunFolder(path).ledger()
    assert ledger.spent() == ledger.plan and ledger.plan[0].steps == STEPS
    probabilities = classifier.probabilities(data.images)
    assert (probabilities.argmax(1) == data.labels).float().mean() > 0.9
    assert (probabilities.sum(1) - 1).abs().max() < 1e-5


def test_a_finished_one_goes_on_without_spending(run, data):
    path, classifier = run
    before = (path / "ledger.jsonl").read_bytes()
    again = dpaf.baseline(data, out=path, resume=True, budgets=path.parent / "budgets.sqlite")
    assert (path / "ledger.jsonl").read_bytes() == before
    assert (again.head.average == classifier.head.average).all()


def test_its_budget_is_the_dataset_s(run, data, tmp_path):
    budgets = run[0].parent / "budgets.sqlite"
    dpaf.set_budget(data, epsilon=21, delta=1e-3, budgets=budgets)
    with pytest.raises(BudgetError, match="nothing was spent"):
        dpaf.baseline(data, epsilon=20, delta=1e-3, out=tmp_path / "run", budgets=budgets)


def test_it_makes_no_images_and_says_so(run):
    opened = dpaf.open_run(run[0])
    with pytest.raises(InputError, match="is a classifier, which makes no images"):
        opened.sample(1)
    assert opened.spending().spent <= 20
    assert opened.report().private and "Private classifier" in (run[0] / "report.html").read_text()


def test_one_class_is_refused(tmp_path):
    one = replace(toy.two_classes(), classes=("a",), labels=toy.two_classes().labels * 0)
    with pytest.raises(InputError, match="needs two classes"):
        dpaf.baseline(one, epsilon=1, delta=1e-3, out=tmp_path / "run", budgets=tmp_path / "budgets.sqlite")
    assert not (tmp_path / "run").exists()


def test_the_command_trains_and_tests(tmp_path):
    images = toy.two_classes(80)
    arrays = {"images": images.images[:, 0].numpy(), "labels": images.labels.numpy(), "who": np.arange(80) // 2}
    np.savez(tmp_path / "data.npz", **arrays, is_test=np.arange(80) >= 60)
    where = ("--out", tmp_path / "run", "--budgets", tmp_path / "budgets.sqlite", "--delta", "1e-3", "--yes")
    known = ("--data", tmp_path / "data.npz", "--test", tmp_path / "data.npz", "--group-column", "who")
    outcome = call(commands, "baseline", *known, "--epsilon", 20, *where, "--json")
    assert outcome.code == 0 and "Plan for 30 people in images" in outcome.stderr, outcome.stderr
    assert 0 <= outcome.report["balanced"] <= 1 and 0 <= outcome.report["auc"] <= 1
    check_refused(call(commands, "baseline", *known, "--epsilon", 20, *where), 2, "holds a run already")


@pytest.mark.parametrize(("records", "noise", "rate"), [(50_000, 0.9, 0.3), (5_000, 1.0, 0.123), (5_000, 5.0, 0.0246)])
def test_it_learns_slowly_where_noise_is_large_against_a_batch(records, noise, rate):
    privacy = replace(PRIVACY, head_noise=noise)
    assert performance_for(privacy, records).head_learning_rate == pytest.approx(rate, rel=0.01)
