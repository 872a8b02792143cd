import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from guise import dpaf
from guise.dpaf.mechanisms.processes import Processes
from guise.models.errors import InputError, LedgerError
from tests.dpaf import toy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = toy.two_classes()
    folder = toy.begin(tmp_path_factory.mktemp("runs") / "run", data, toy.privacy("moments", steps=0), preset="moments")
    toy.train(folder, data)
    return dpaf.open_run(folder.path)


def test_samples_unpack_into_images_and_labels_and_are_saved_as_they_are(run, tmp_path):
    drawn = run.sample(6, class_="1", seed=3)
    images, labels = drawn
    assert images is drawn.images and labels.tolist() == [1] * 6 and len(drawn.images) == 6
    assert (run.sample(6, class_="1", seed=3).images == images).all()
    drawn.save(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as saved:
        assert (saved["images"] == images).all() and (saved["labels"] == labels).all()
    with pytest.raises(InputError, match="exists already"):
        drawn.save(tmp_path / "s.npz")


@pytest.mark.parametrize("seed", ["1", 1.5, True, -1, 2**64])
def test_seeds_that_cannot_be_used_are_refused_where_samples_are_drawn(run, seed):
    with pytest.raises(InputError, match="`seed="):
        run.sample(2, seed=seed)


def test_messages_name_parameters(run, tmp_path):
    with pytest.raises(InputError, match="`class_=` draws one class"):
        run.sample(6, class_="1", equal=True)
    with pytest.raises(InputError, match="`neighbours=` needs the private data"):
        run.evaluate(test="digits", neighbours="n.png")
    with pytest.raises(InputError, match="`epsilon=` is missing"):
        dpaf.train("digits", out=tmp_path / "new")
    with pytest.raises(InputError, match="choose `preset=` from moments, dpaf"):
        dpaf.train("digits", epsilon=1, preset="other", out=tmp_path / "new")
    with pytest.raises(InputError, match="`resume=True`"):
        dpaf.train("digits", epsilon=1, out=run.path)
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_not_private_says_so_each_time(run):
    lines = []
    run.sample(1, announce=lines.append)
    run.spending(announce=lines.append)
    assert run.reproducible and run.spending().reproducible and "NOT PRIVATE" in repr(run)
    assert [line.split(":")[0] for line in lines] == ["NOT PRIVATE"] * 2


def test_what_was_spent_is_told_by_phase_and_together(run):
    spending = run.spending()
    assert [(part.phase.name, part.charged) for part in spending.phases] == [("feature means", 1), ("class head", 4)]
    assert max(part.epsilon for part in spending.phases) < spending.spent < spending.epsilon
    assert json.loads(spending.to_json())[-1]["epsilon"] == spending.spent


def test_who_does_not_like_the_plan_has_spent_nothing(tmp_path):
    class TooMuchError(Exception):
        pass

    def look(plan):
        assert plan.records == 40 and 1.9 < plan.epsilon <= 2 and "Plan for 40 images" in str(plan)
        raise TooMuchError

    options = {"epsilon": 2, "delta": 1e-3, "minutes": 0.001, "budgets": tmp_path / "budgets.sqlite"}
    with pytest.raises(TooMuchError):
        dpaf.train(toy.two_classes(), out=tmp_path / "run", on_plan=look, **options)
    assert not (tmp_path / "run").exists() and not (tmp_path / "budgets.sqlite").exists()


@pytest.mark.parametrize("seed", [None, 7])
def test_a_plan_says_whether_the_run_would_be_private(seed):
    privacy, performance = dpaf.PRESETS["moments"]
    plan, _ = dpaf.planned(toy.two_classes(), privacy, performance, reproducible=seed is not None)
    assert plan.reproducible == ("NOT PRIVATE" in str(plan)) == (seed is not None)


@pytest.mark.parametrize("seed", [False, True, 0.5])
def test_a_seed_that_is_none_begins_no_run(tmp_path, seed):
    with pytest.raises(InputError, match=r"`unsafe_reproducible=` is .*: give a whole number"):
        dpaf.train(toy.two_classes(), epsilon=2, out=tmp_path / "run", unsafe_reproducible=seed)
    assert not any(path for path in tmp_path.iterdir() if path.name == "run")


def test_processes_with_different_data_are_told_which(tmp_path, monkeypatch):
    class Apart(Processes):
        def everyones(self, value):
            return [value, b"other"] if isinstance(value, bytes) else [value]

    monkeypatch.setattr("guise.dpaf.jobs.training.joined", lambda: nullcontext(Apart()))
    with pytest.raises(InputError, match="`data=` digits differs between processes"):
        dpaf.train("digits", epsilon=2, out=tmp_path / "run")


def test_a_run_resumed_with_images_of_another_size_names_both(tmp_path):
    data = toy.two_classes()
    folder = toy.begin(tmp_path / "run", data)
    larger = replace(data, images=data.images.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :32, :32])
    with pytest.raises(InputError, match="the run has images of 28, and these are of 32"):
        dpaf.train(larger, out=folder.path, resume=True, unsafe_reproducible=1, budgets=toy.budgets_of(folder).path)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"protocol": "other"}, "protocol"), ({"extractor": "other"}, "extractor"), ({"count": 23}, "24")],
)
def test_what_cannot_be_evaluated_is_told_before_anything_is_drawn(run, monkeypatch, wrong, word):
    monkeypatch.setattr("guise.dpaf.jobs.evaluation.synthesise", None)
    with pytest.raises(InputError, match=word):
        run.evaluate(test=toy.two_classes(), **wrong)


def test_a_budget_is_set_for_images_in_memory(tmp_path):
    budgets = tmp_path / "budgets.sqlite"
    (account,) = dpaf.set_budget(toy.two_classes(), epsilon=3, delta=1e-3, budgets=budgets).accounts
    assert (account.name, account.epsilon, account.runs) == ("images in memory", 3, ())
    assert account.dataset == dpaf.DatasetBudgets(budgets).identify(toy.two_classes().digest)


def test_a_run_is_not_resumed_with_images_other_than_those_it_began_with(tmp_path):
    data = toy.two_classes()
    folder = toy.begin(tmp_path / "run", data)
    with pytest.raises(LedgerError, match="other data"):
        dpaf.train(
            replace(data, digest=b"other"),
            out=folder.path,
            resume=True,
            unsafe_reproducible=1,
            budgets=toy.budgets_of(folder).path,
        )
    assert folder.ledger().entries == 0


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="no run in"):
        dpaf.open_run(tmp_path)
