"""One person with all of their images weighs what one image does: exactly, against the worst neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from guise import dpaf
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.units import Units, weighed
from guise.dpaf.training.private_phases import PrivatePhases
from guise.dpaf.training.state import TrainingState
from guise.models.errors import InputError, LedgerError
from tests.dpaf import toy

PEOPLE = torch.tensor([0, 1, 1, 2, 2, 2, 2, 3])


def sums_of_features(features, labels, buckets, people):
    units = Units(people, len(people))
    mechanism = FeatureAggregation(1.0, 1.0, buckets=2, classes=3, divisor=1.0)
    return mechanism.sums(features, labels, buckets, units.weights(torch.arange(len(people))))


@pytest.mark.parametrize("person", range(4))
@pytest.mark.parametrize("spread", ["one block", "many blocks"])
def test_a_person_moves_the_sums_by_no_more_than_one_image_may(person, spread):
    random = torch.Generator().manual_seed(person)
    features = torch.randn(8, 5, generator=random)
    features[person == PEOPLE] = 1e6 * torch.tensor([1.0, -2.0, 0.0, 3.0, 1.0])  # all of theirs, beyond every bound
    one_block = spread == "one block"
    labels = torch.zeros(8, dtype=torch.long) if one_block else torch.arange(8) % 3
    buckets = torch.zeros(8, dtype=torch.long) if one_block else torch.arange(8) % 2
    others = person != PEOPLE
    renumbered = torch.unique(PEOPLE[others], return_inverse=True)[1]
    without = sums_of_features(features[others], labels[others], buckets[others], renumbered)
    change = sums_of_features(features, labels, buckets, PEOPLE) - without
    assert float(change.norm()) <= 1 + 1e-9
    if one_block:
        assert float(change.norm()) > 0.99  # and all of it is used


@pytest.mark.parametrize("person", range(4))
def test_a_person_moves_the_gradients_by_no_more_than_one_image_may(person):
    module, images, labels = nn.Linear(6, 1, bias=False), torch.randn(8, 6), torch.zeros(8)
    images[person == PEOPLE] = torch.tensor([1e4, 0, 0, -1e4, 0, 1.0])  # their gradients point one way

    def sums(rows):
        people = torch.unique(PEOPLE[rows], return_inverse=True)[1]
        step = PrivateStep(module, 2.0, 1.0, 1.0, physical_batch_size=3)
        weights = Units(people, len(rows)).weights(torch.arange(len(rows)))
        given = (images[rows], labels[rows])
        return step.clipped_sums(given, lambda chunk, _: module(chunk).sum(1), weights=weights)["weight"]

    change = sums(torch.arange(8)) - sums((person != PEOPLE).nonzero()[:, 0])
    assert 1.99 < float(change.norm()) <= 2 + 1e-6


def test_a_batch_holds_all_images_of_a_person_or_none_and_people_come_at_the_rate():
    units, random = Units(PEOPLE, 8), np.random.default_rng(0)
    drawn = np.zeros((2000, 4), bool)
    for batch in drawn:
        rows = units.draw(0.3, random)
        counts = PEOPLE[rows].bincount(minlength=4)
        assert all(
            count in (0, whole) for count, whole in zip(counts.tolist(), PEOPLE.bincount().tolist(), strict=True)
        )
        batch[:] = counts.numpy() > 0
    assert np.abs(drawn.mean(0) - 0.3).max() < 0.04  # four standard deviations
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.1  # independently of one another


def test_without_people_each_image_is_a_unit():
    units = Units(None, 8)
    assert units.count == 8 and units.weights(torch.arange(3)) is None
    assert units.draw(1.0, np.random.default_rng(0)).tolist() == list(range(8))


@pytest.mark.parametrize("people", [torch.tensor([0, 2]), torch.tensor([0]), torch.tensor([-1, 0])])
def test_people_are_numbered_without_gaps(people):
    with pytest.raises(InputError):
        Units(people, 2)


@pytest.mark.parametrize("weights", [torch.ones(3), torch.tensor([0.5, 1.5]), torch.tensor([-0.1, 0.5])])
def test_weights_that_would_break_the_bound_are_refused(weights):
    with pytest.raises(InputError, match="from 0 to 1"):
        weighed(torch.ones(2, 3), weights)


def people_of(data, each):
    return replace(data, people=torch.arange(len(data)) // each)


def test_who_gives_how_many_images_depends_on_that_person_only():
    data = people_of(toy.two_classes(), 4)
    kept = data.at_most(2)
    assert len(kept) == 20 and kept.people.bincount().tolist() == [2] * 10
    rows = data.people != 3
    fewer = replace(data, images=data.images[rows], labels=data.labels[rows], people=data.people[rows])
    fewer = replace(fewer, people=torch.unique(fewer.people, return_inverse=True)[1]).at_most(2)
    assert (fewer.images == kept.images[kept.people != 3]).all()
    with pytest.raises(InputError, match="whose image each is"):
        toy.two_classes().at_most(2)


def test_means_of_people_move_by_one_at_most_where_a_person_is_added(monkeypatch):
    """The release of a whole run, without its noise, on neighbours: with the features and the clipping of training."""
    data = people_of(toy.two_classes(), 8)
    monkeypatch.setattr("guise.dpaf.mechanisms.aggregation.gaussian", lambda shape, *_: torch.zeros(shape).double())
    monkeypatch.setattr("guise.dpaf.training.moments.means_of", lambda released, _: (released, released))

    def released(kept):
        settings = toy.privacy("moments", steps=0)
        given = dpaf.RunSettings.of(kept, "toy", settings, dpaf.PerformanceSettings(), images_per_person=8)
        state = TrainingState(1, 28, 2, records=kept.units, privacy=settings, performance=dpaf.PerformanceSettings())
        PrivatePhases(kept, given, state, streams=dpaf.Streams(), charge=lambda _: 0).release_means()
        return state.means.double()

    rows = data.people < 4
    without = replace(data, images=data.images[rows], labels=data.labels[rows], people=data.people[rows])
    change = float((released(data) - released(without)).norm())
    assert 0.3 < change <= 1 + 1e-4


def test_a_run_protects_people_and_says_so(tmp_path):
    data = people_of(toy.two_classes(), 2)
    folder = dpaf.RunFolder(tmp_path / "run")
    performance = dpaf.PerformanceSettings(**{**vars(dpaf.PRESETS["dpaf"][1]), **toy.FAST})
    given = {"reproducible": True, "images_per_person": 2}
    settings = dpaf.RunSettings.of(data, "toy", toy.privacy(), performance, **given)
    claim = dpaf.begin_run(folder, settings, data, toy.budgets_of(folder))
    assert settings.records == 20 and "one person" in folder.ledger().relation
    state = toy.train(folder, data, claim=claim)
    assert state.means.isfinite().all() and folder.ledger().spent() == folder.ledger().plan
    run = dpaf.open_run(folder.path)
    report = run.report()
    assert report.values["guarantee"]["relation"] == "add or remove one person with all of their images and labels"
    assert "one person" in (folder.path / "report.html").read_text()
    (account,) = toy.budgets_of(folder).accounts()
    assert account.unit == "person"
    with pytest.raises(InputError, match="the run protects one person"):
        dpaf.begin_run(folder, settings, toy.two_classes(), toy.budgets_of(folder))
    with pytest.raises(LedgerError, match="other data"):
        others = replace(data, people=data.people.flip(0))
        dpaf.begin_run(folder, settings, others, toy.budgets_of(folder))
