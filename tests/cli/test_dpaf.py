"""`guise dpaf`, from a file of images to a report, and what it refuses."""

import shutil

import numpy as np
import pytest
from PIL import Image

from guise.cli.dpaf import dpaf
from guise.cli.dpaf.train import PRESETS as NAMES
from guise.dpaf.accounting.report import spending
from guise.dpaf.settings import PRESETS
from guise.dpaf.training.run_folder import RunFolder
from tests.cli.command_line import call, check_refused, hashes


@pytest.fixture(scope="module", autouse=True)
def few_fitting_steps():
    """The least that `--minutes` gives, which costs no privacy, in fewer steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guise.dpaf.training.planning._LEAST_STEPS", 8)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "toy.npz"
    labels = np.arange(60) % 2
    pixels = np.random.default_rng(0).integers(0, 60, (60, 28, 28))
    pixels[labels == 1, :14] += 150
    np.savez(path, images=pixels, labels=labels)
    return path


def train(images, out, *more, budgets=None):
    where = budgets or out.parent / "budgets.sqlite"
    return call(
        dpaf, "train", "--data", images, "--out", out, "--budgets", where, "--minutes", "0.001", *map(str, more)
    )


_QUARTERS = ("50 of 200", "100 of 200", "150 of 200", "done")
_OF_STUDENTS = ("2 of 6", "3 of 6", "5 of 6", "done")


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    outcome = train(images, out, "--epsilon", 2, "--delta", "1e-3")
    assert outcome.code == 0, outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if "epsilon spent so far" in line]
    assert outcome.stderr.index("Plan for 60 images") < outcome.stderr.index(told[0])
    steps = [*(f"class head: {done}" for done in _QUARTERS), *(f"aggregation steps: {done}" for done in _OF_STUDENTS)]
    assert [line.split(";")[0] for line in told[1:]] == steps
    assert [float(line.split()[-1]) for line in told] == sorted(float(line.split()[-1]) for line in told)
    return out


def test_a_run_spends_its_plan_and_shows_samples(run):
    ledger = RunFolder(run).ledger()
    assert ledger.spent() == ledger.plan
    assert (run / "samples.png").stat().st_size > 100


def test_samples_are_written_as_npz_and_as_a_folder(run, tmp_path):
    assert call(dpaf, "sample", run, "--count", 5, "--equal", "--out", tmp_path / "s.npz", "--seed", 1).code == 0
    with np.load(tmp_path / "s.npz") as drawn:
        assert drawn["images"].shape == (5, 28, 28, 1) and drawn["labels"].tolist() == [0, 1, 0, 1, 0]
    assert call(dpaf, "sample", run, "--count", 3, "--class", "1", "--out", tmp_path / "s").code == 0
    assert len(list((tmp_path / "s" / "1").glob("*.png"))) == 3
    both = call(dpaf, "sample", run, "--count", 3, "--class", "1", "--equal", "--out", tmp_path / "t")
    check_refused(both, 2, "give one of them")
    assert not (tmp_path / "t").exists()


def test_presets_are_those_of_the_library():
    assert tuple(PRESETS) == NAMES  # named twice, so that --help needs no torch


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_a_seed_beyond_what_can_be_used_is_refused(run, tmp_path, command):
    options = ("--out", tmp_path / "s.npz") if command == "sample" else ("--test", "digits")
    outcome = call(dpaf, command, run, "--count", 100, *options, "--seed", "99999999999999999999")
    assert outcome.code == 2 and "Invalid value for '--seed'" in outcome.stderr


def test_a_run_among_its_own_images_is_refused(tmp_path):
    folder = tmp_path / "data"
    (folder / "cat").mkdir(parents=True)
    check_refused(train(folder, folder / "run", "--epsilon", 1), 2, "one holds the other")
    assert [path.name for path in folder.iterdir()] == ["cat"]


def test_a_seeded_run_says_at_each_step_that_it_is_not_private(images, tmp_path):
    out = tmp_path / "run"
    outcome = train(images, out, "--epsilon", 2, "--delta", "1e-3", "--unsafe-reproducible", 1)
    assert outcome.code == 0 and outcome.stderr.count("NOT PRIVATE") == 2  # with the plan, and when done
    assert "NOT PRIVATE" in call(dpaf, "sample", out, "--count", 1, "--out", tmp_path / "s.npz").stderr
    text = call(dpaf, "report", out).stdout
    assert "NOT PRIVATE" in text and "-differential privacy" not in text


def test_the_report_shows_the_parts_of_each_release(run):
    report = call(dpaf, "report", run, "--json").report
    (head,) = report["releases"]["class head"]
    assert head["noise_multiplier"] == report["settings"]["head_noise"] and head["divisor"] == pytest.approx(4.096)
    assert "gradients: noise" in (run / "privacy.md").read_text()


def test_the_report_holds_the_guarantee_and_nothing_of_the_data(run):
    report = call(dpaf, "report", run, "--json").report
    assert report["guarantee"]["epsilon"] == 2 and report["guarantee"]["private"]
    assert 1.9 < report["accounting"]["epsilon_spent"] <= 2
    assert report["accounting"]["second_opinion"]["epsilon_prv"] == pytest.approx(2, rel=0.02)
    assert "digest" not in (run / "privacy.json").read_text()
    assert (run / "privacy.png").stat().st_size > 10_000
    curve = spending(RunFolder(run).ledger())
    assert curve == sorted(curve) and curve[0] == (0, 0) and curve[-1][0] == 1 + 200 + 6
    assert curve[-1][1] == pytest.approx(report["accounting"]["epsilon_spent"])
    assert "(2, 0.001)-differential privacy" in (run / "privacy.md").read_text()


def test_the_ledger_is_shown(run):
    rows = call(dpaf, "ledger", run, "--json").report
    assert [row["charged"] for row in rows[:2]] == [1, 200]
    assert rows[-1]["epsilon"] <= 2


def test_a_run_is_evaluated_on_real_images(run, images):
    outcome = call(dpaf, "evaluate", run, "--test", images, "--count", 100, "--json")
    assert "as many images as the run was trained on" in outcome.stderr
    report = outcome.report
    assert report["samples"] == 100 and 0 <= report["mean"] <= 1
    assert len(report["networks"][0]["by_class"]) == 2
    assert report["frechet"]["value"] > 0 and "membership" not in report


def test_neighbours_are_drawn_for_the_owner_only(run, images, tmp_path):
    test = tmp_path / "test.npz"
    np.savez(test, images=np.random.default_rng(9).integers(0, 200, (40, 28, 28)), labels=np.arange(40) % 2)
    options = ("evaluate", run, "--test", test, "--count", 100)
    check_refused(call(dpaf, *options, "--neighbours", tmp_path / "n.png"), 2, "needs the private data")
    known = ("evaluate", run, "--test", images, "--count", 100, "--training", images)
    check_refused(call(dpaf, *known, "--neighbours", tmp_path / "n.png"), 2, "took no part")
    private = ("--training", images)
    check_refused(call(dpaf, *options, *private, "--neighbours", run / "n.png"), 2, "outside the folders of photos")
    check_refused(call(dpaf, *options, *private, "--neighbours", images), 2, "no PNG")
    outcome = call(dpaf, *options, "--neighbours", tmp_path / "n.png", "--training", images)
    assert outcome.code == 0 and "shows private images" in outcome.stderr
    with Image.open(tmp_path / "n.png") as drawn:
        assert drawn.size == (280, 8 * 28)


@pytest.mark.slow
def test_a_run_withstands_its_audit_and_the_report_says_so(run):
    outcome = call(dpaf, "audit", run, "--runs", 20, "--json")
    assert outcome.code == 0 and all(phase["passed"] for phase in outcome.report.values())
    assert call(dpaf, "report", run, "--json").report["audit"]["passed"]


def test_a_finished_run_resumes_to_the_same(images, run):
    before = hashes(run)
    outcome = train(images, run, "--resume")
    assert outcome.code == 0, outcome.stderr
    assert hashes(run)["ledger.jsonl"] == before["ledger.jsonl"]
    assert "--minutes without effect" in outcome.stderr


def test_an_older_copy_of_a_run_cannot_spend_its_plan_again(images, run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    lines = (copy / "ledger.jsonl").read_text().splitlines(keepends=True)
    (copy / "ledger.jsonl").write_text("".join(lines[:3]))
    (copy / "checkpoint.safetensors").unlink()
    check_refused(train(images, copy, "--resume", budgets=run.parent / "budgets.sqlite"), 1, "is a copy")
    assert len((copy / "ledger.jsonl").read_text().splitlines()) == 3


def test_a_run_is_not_resumed_under_a_budgets_file_that_does_not_know_it(images, run, tmp_path):
    refused = train(images, run, "--resume", budgets=tmp_path / "other.sqlite")
    check_refused(refused, 1, "does not know the run: name the one it began with (--budgets)")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "--epsilon is missing"),
        (("--epsilon", 0), "epsilon is 0"),
        (("--epsilon", -1), "epsilon is -1"),
        (("--epsilon", "nan"), "epsilon is nan"),
        (("--epsilon", 1e6), "protects nobody"),
        (("--epsilon", 1, "--delta", 0.5), "delta is 0.5"),
        (("--epsilon", 1, "--delta", 0), "delta is 0"),
        (("--epsilon", 1, "--size", 30), "size 30"),
        (("--epsilon", 1, "--minutes", "nan"), "minutes is nan"),
        (("--epsilon", 1, "--minutes", "inf"), "inf is not in the range"),
        (("--epsilon", 1, "--minutes", 1e308), "is not in the range"),
        (("--epsilon", 1e-3, "--delta", 1e-2), "below delta"),
        (("--epsilon", 1, "--resume"), "no run in"),
    ],
)
def test_bad_options_spend_nothing(images, tmp_path, options, word):
    check_refused(train(images, tmp_path / "run", *options), 2, word)
    assert not (tmp_path / "run").exists() and not (tmp_path / "budgets.sqlite").exists()


def test_a_second_run_in_one_folder_is_refused(images, run):
    before = hashes(run)
    check_refused(train(images, run, "--epsilon", 2), 2, "holds a run already")
    assert hashes(run) == before


def test_a_run_is_not_resumed_with_other_data_epsilon_or_noise(images, run, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, images=np.zeros((60, 28, 28), np.uint8), labels=np.arange(60) % 2)
    check_refused(train(other, run, "--resume"), 1, "other data")
    check_refused(train(images, run, "--resume", "--epsilon", 3), 2, "cannot be changed")
    check_refused(train(images, run, "--resume", "--delta", 1e-6), 2, "cannot be changed")
    check_refused(train(images, run, "--resume", "--unsafe-reproducible", 1), 2, "did not begin with")


def test_a_budget_of_the_dataset_is_enforced(images, run, tmp_path):
    budgets = run.parent / "budgets.sqlite"
    refused = call(dpaf, "ledger", "--budgets", budgets, "--data", images, "--epsilon", 1, "--delta", "1e-3")
    check_refused(refused, 1, "already")
    assert call(dpaf, "ledger", "--budgets", budgets, "--data", images, "--epsilon", 2, "--delta", "1e-3").code == 0
    outcome = train(images, tmp_path / "run2", "--epsilon", 1, "--delta", "1e-3", budgets=budgets)
    assert outcome.code == 1 and "nothing was spent" in outcome.stderr
    assert not (tmp_path / "run2").exists()


def test_an_edited_ledger_is_refused(run, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in run.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    ledger = copy / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:50] + lines[51:]))
    check_refused(call(dpaf, "sample", copy, "--count", 1, "--out", tmp_path / "s.npz"), 1, "edited")


def test_sampling_refuses_what_is_not_there(run, tmp_path):
    check_refused(call(dpaf, "sample", tmp_path, "--count", 1, "--out", tmp_path / "s.npz"), 2, "no run in")
    check_refused(
        call(dpaf, "sample", run, "--count", 1, "--class", "cat", "--out", tmp_path / "s.npz"), 2, "no class cat"
    )
