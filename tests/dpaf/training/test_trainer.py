import errno
import json
import re
import shutil
from dataclasses import asdict, replace

import pytest
import torch

from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.plan import releases
from guise.dpaf.accounting.settings import AGGREGATION, HEAD, MOMENTS, STEM
from guise.dpaf.data import ImageDataset
from guise.dpaf.jobs.watching import Watcher
from guise.dpaf.mechanisms import aggregation, private_step
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.claim import Claim
from guise.dpaf.training.head import ClassHead
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.stem import StemTraining
from guise.dpaf.training.students import Students
from guise.dpaf.training.trainer import FITTING, Trainer
from guise.models.errors import BudgetError, InputError, LedgerError, OutputError, PrivacyError
from guise.models.files.atomic import write_error
from tests.dpaf import toy


@pytest.fixture(scope="module")
def data():
    return toy.two_classes()


@pytest.fixture(scope="module")
def settings():
    return toy.privacy("pretrained")


class StoppedError(Exception):
    """In the place of a kill."""


def stop_at(phase, done):
    def progress(what, at, _total):
        if (what, at) == (phase, done):
            raise StoppedError

    return progress


def phases_of(folder):
    return [json.loads(line)["phase"] for line in folder.ledger_path.read_bytes().splitlines()[1:]]


@pytest.mark.parametrize("preset", ["dpaf", "pretrained", "matching", "student", "dpgan", "moments"])
def test_every_preset_spends_its_plan_and_gives_images(tmp_path, data, preset):
    steps = {"steps": 0} if preset == "moments" else {}
    folder = toy.begin(tmp_path, data, toy.privacy(preset, **steps), preset=preset)
    toy.train(folder, data, progress=Watcher(folder, progress=None, announce=lambda _: None).step)
    ledger = folder.ledger()
    assert ledger.spent() == ledger.plan
    images, labels = synthesise(trained_state(folder), 6, equal=True, seed=0)
    assert images.shape == (6, 28, 28, 1) and labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert images.std() > 1


@pytest.mark.parametrize("stop", [(HEAD, 2), (STEM, 2), (FITTING, 0), (AGGREGATION, 2)])
def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path, data, settings, stop):
    whole, stopped = (toy.begin(tmp_path / name, data, settings) for name in ("whole", "stopped"))
    expected = toy.train(whole, data).tensors()
    with pytest.raises(StoppedError):
        toy.train(stopped, data, progress=stop_at(*stop))
    resumed = toy.train(stopped, data).tensors()
    assert phases_of(whole) == phases_of(stopped)
    for name, value in expected.items():
        torch.testing.assert_close(resumed[name], value, atol=1e-6, rtol=1e-5, msg=name)


def test_what_a_kill_lost_stays_charged_and_is_not_released_again(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    with pytest.raises(StoppedError):
        toy.train(folder, data, progress=stop_at(HEAD, 1))  # between two checkpoints
    entries = phases_of(folder)
    toy.train(folder, data)
    assert phases_of(folder)[: len(entries)] == entries
    assert phases_of(folder).count(HEAD) == settings.head_steps
    assert int(trained_state(folder).tensors()["head.counted"]) == 2


def test_asked_to_stop_it_keeps_every_step_that_was_paid_for(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)

    def interrupt(what, done, _):
        if (what, done) == (HEAD, 1):  # between two checkpoints
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toy.train(folder, data, progress=interrupt)
    toy.train(folder, data)
    assert int(trained_state(folder).tensors()["head.counted"]) == (settings.head_steps + 1) // 2


@pytest.mark.parametrize("where", ["learning", "correcting"])
def test_stopped_among_students_it_keeps_what_was_paid_for(tmp_path, data, monkeypatch, where):
    folder = toy.begin(tmp_path, data, toy.privacy("student"), preset="student", generator_steps=3)
    owner, name = (Students, "teach") if where == "learning" else (Students, "generator_loss")
    original, calls = getattr(owner, name), []

    def interrupt(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(owner, name, interrupt)
    with pytest.raises(KeyboardInterrupt):
        toy.train(folder, data)
    assert phases_of(folder).count(AGGREGATION) == 1
    state = toy.train(folder, data)
    assert len(state.students.means) == 4 and phases_of(folder).count(AGGREGATION) == 4
    assert state.fitted == toy.FAST["fitting_steps"] + 4 * 3


def test_means_that_were_paid_for_and_lost_are_not_drawn_twice(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    folder.ledger().charge(MOMENTS)
    with pytest.raises(LedgerError, match="paid for and lost"):
        toy.train(folder, data)
    assert phases_of(folder) == [MOMENTS]


def test_of_two_copies_in_use_at_once_one_pays_and_releases_nothing(tmp_path, data, settings, monkeypatch):
    one = toy.begin(tmp_path / "one", data, settings)
    other = RunFolder(shutil.copytree(one.path, tmp_path / "other"))
    claim = Claim(other, toy.budgets_of(one))
    with pytest.raises(StoppedError):
        toy.train(one, data, progress=stop_at(MOMENTS, 1))
    drawn = []
    monkeypatch.setattr(Streams, "numpy", lambda _, *which: drawn.append(which))
    with pytest.raises(LedgerError, match="is a copy"):  # though it stands just where the first one stands
        toy.train(other, data, claim=claim)
    assert phases_of(other) == [MOMENTS] and not drawn
    monkeypatch.undo()
    toy.train(one, data)


def test_no_noise_and_no_draw_is_used_twice(tmp_path, data, settings, monkeypatch):
    used = []
    original = Streams.numpy
    monkeypatch.setattr(Streams, "numpy", lambda self, *which: used.append(which) or original(self, *which))
    folder = toy.begin(tmp_path, data, settings)
    with pytest.raises(StoppedError):
        toy.train(folder, data, progress=stop_at(HEAD, 1))
    toy.train(folder, data)
    private = [which for which in used if which[0] in ("noise", "sampling", "buckets")]
    assert len(private) == len(set(private)) > 10


def test_the_generator_trains_with_the_data_gone(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, replace(settings, steps=0, stem_steps=0))
    with pytest.raises(StoppedError):
        toy.train(folder, data, progress=stop_at(FITTING, 0))
    gone = ImageDataset(
        torch.empty(0, 1, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.long), data.classes, b""
    )
    trainer = Trainer(gone, toy.claim(folder), streams=Streams(unsafe_seed=1))
    before = trainer.state.generator.last.weight.clone()
    trainer.train()
    assert trainer.state.fitted == 3
    assert not torch.equal(before, trainer.state.generator.last.weight)


def test_a_charge_and_its_mark_precede_every_draw_and_all_noise(tmp_path, data, settings, monkeypatch):
    events = []

    def watch(owner, name, letter):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given: events.append(letter) or original(*given))

    folder = toy.begin(tmp_path, data, settings)
    watch(Ledger, "charge", "C")
    watch(DatasetBudgets, "mark", "M")
    watch(PoissonSampler, "draw", "D")
    watch(aggregation, "gaussian", "N")
    watch(private_step, "gaussian", "N")
    watch(ImageDataset, "scaled", "R")
    toy.train(folder, data)
    steps = [settings.head_steps, settings.stem_steps, settings.steps]
    # The sums of the means are made before their charge, and noise follows it: nothing was released before.
    means, head = r"R+CMN", rf"(CMDN){{{steps[0]}}}"
    stem = rf"(CMDRN{{4}}){{{steps[1]}}}"  # weight and bias of two layers
    aggregation_steps = rf"(CMDR+N{{3}}){{{steps[2]}}}"  # one aggregate, weight and bias of the private layer
    assert re.fullmatch(means + head + stem + aggregation_steps, "".join(events)), "".join(events)
    assert all(steps)


def test_two_runs_with_the_same_streams_have_different_noise(tmp_path, data):
    streams, settings = Streams(), toy.privacy("moments", steps=0, head_steps=0)
    folders = [
        toy.begin(tmp_path / name, data, settings, preset="moments", reproducible=False) for name in ("one", "other")
    ]
    one, other = (Trainer(data, toy.claim(folder), streams=streams).train().means for folder in folders)
    assert (one != other).double().mean() > 0.99


@pytest.mark.parametrize(("kind", "phase"), [(ClassHead, HEAD), (StemTraining, STEM)])
def test_classifiers_are_trained_with_the_noise_and_the_divisor_that_the_plan_shows(
    tmp_path, data, settings, monkeypatch, kind, phase
):
    seen, step = [], kind.step
    monkeypatch.setattr(kind, "step", lambda self, *given, **more: seen.append(more) or step(self, *given, **more))
    toy.train(toy.begin(tmp_path, data, settings), data)
    (shown,) = releases(settings, records=len(data), classes=2)[phase]
    assert {(step["noise_multiplier"], step["divisor"]) for step in seen} == {(shown.noise_multiplier, shown.divisor)}
    assert len(seen) == 4


def test_nothing_is_released_once_the_plan_is_spent(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    ledger = folder.ledger()
    for _ in range(settings.steps):
        ledger.charge(AGGREGATION)
    trainer = Trainer(data, toy.claim(folder), streams=Streams())
    with pytest.raises(BudgetError):
        trainer._aggregation_step(None)


def test_noise_from_a_seed_needs_a_run_that_says_so(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings, reproducible=False)
    with pytest.raises(PrivacyError, match="noise from a seed"):
        Trainer(data, toy.claim(folder), streams=Streams(unsafe_seed=1))
    assert folder.ledger().entries == 0


def test_a_full_disk_is_found_before_anything_is_paid_for(tmp_path, data, settings, monkeypatch):
    folder = toy.begin(tmp_path, data, settings)

    def full(path, **_):
        raise write_error(path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr("guise.dpaf.training.run_folder.atomic_write", full)
    with pytest.raises(OutputError, match="No space left"):
        toy.train(folder, data)
    assert folder.ledger().entries == 0
    monkeypatch.undo()
    sizes = []
    monkeypatch.setattr(RunFolder, "check_room", lambda _, size: sizes.append(size))
    toy.train(folder, data)
    assert folder.ledger().spent() == folder.ledger().plan
    assert len(sizes) == 1 and (tmp_path / "checkpoint.safetensors").stat().st_size <= sizes[0]


@pytest.mark.parametrize("other", [toy.two_classes(38), replace(toy.two_classes(), classes=("cat", "dog"))])
def test_a_run_is_not_resumed_with_data_of_another_kind(tmp_path, settings, other):
    folder = toy.begin(tmp_path, toy.two_classes(), settings)
    with pytest.raises(InputError, match="the run began with 40 images of 28x28x1 in 2 classes"):
        toy.train(folder, other)
    assert folder.ledger().entries == 0


def test_a_plan_that_costs_more_than_its_budget_is_not_gone_on_with(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    for path in (folder.path / "run.json", folder.ledger_path):
        path.write_text(path.read_text().replace('"epsilon": 8.0', '"epsilon": 0.1').replace(":8.0", ":0.1"))
    with pytest.raises(BudgetError, match=r"the budget is 0\.1"):
        toy.train(folder, data)
    assert folder.ledger().entries == 0


def test_a_seeded_run_cannot_be_passed_off_as_private(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"reproducible": true', '"reproducible": false'))
    with pytest.raises(LedgerError, match="do not belong together"):
        folder.ledger()


@pytest.mark.parametrize(("wrong", "word"), [({"epsilon": None}, "no budget"), ({"delta": 0.03}, "one whole record")])
def test_a_run_without_a_guarantee_that_means_something_is_not_begun(tmp_path, data, settings, wrong, word):
    with pytest.raises(InputError, match=word):
        toy.begin(tmp_path / "run", data, replace(settings, **wrong))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("header", [b"[]", b'{"__metadata__":[]}', b'{"__metadata__":null}'])
def test_a_checkpoint_that_is_none_is_one_clear_line(tmp_path, data, settings, header):
    folder = toy.begin(tmp_path, data, settings)
    (tmp_path / "checkpoint.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match="cannot read"):
        folder.checkpoint()


def test_counters_that_do_not_fit_are_one_clear_line(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    tensors = Trainer(data, toy.claim(folder), streams=Streams(unsafe_seed=1)).state.tensors()
    folder.save({**tensors, "counters": torch.zeros(3)}, folder.ledger())
    with pytest.raises(InputError, match="other settings"):
        trained_state(folder)


def test_an_audit_is_its_run_s_own(tmp_path, data, settings):
    audit = Audit(0.5, 1.0, 1e-3, -0.1, 2.0, 200, 0.99)
    one, other = (toy.begin(tmp_path / name, data, settings) for name in ("one", "other"))
    one.keep_audit(audit)
    assert one.audit() == audit
    path = other.path / "audit.json"
    path.write_bytes((one.path / "audit.json").read_bytes())
    with pytest.raises(InputError, match="another run's"):
        other.audit()
    run = other.settings().run
    for text in ("[]", json.dumps({**asdict(audit), "run": run, "runs": "many"}), '{"run": []}', '"a"', "{}"):
        path.write_text(text)
        with pytest.raises(InputError, match="audit again"):
            other.audit()


def test_a_run_is_not_begun_twice(tmp_path, data, settings):
    toy.begin(tmp_path, data, settings)
    with pytest.raises(InputError, match="holds a run already"):
        toy.begin(tmp_path, data, settings)


def test_a_checkpoint_whose_ledger_was_cut_is_refused(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    toy.train(folder, data)
    lines = folder.ledger_path.read_bytes().splitlines(keepends=True)
    folder.ledger_path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(LedgerError, match="does not hold"):
        trained_state(folder)


def test_a_checkpoint_from_other_settings_is_refused(tmp_path, data, settings):
    folder = toy.begin(tmp_path, data, settings)
    toy.train(folder, data)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"width": 8', '"width": 16'))
    with pytest.raises(InputError, match="other settings"):
        trained_state(folder)
