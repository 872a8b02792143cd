"""`guise dpaf train` on datasets as people have them: it looks before it spends."""

import os
import pty
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from guise.cli.dpaf import dpaf
from guise.dpaf.settings import DEFAULT_PRESET, PRESETS
from guise.dpaf.training.run_folder import RunFolder
from tests.cli.command_line import call, check_refused
from tests.dpaf.data.shapes import digits, idx, put_shapes


@pytest.fixture(autouse=True)
def little_to_do(monkeypatch):
    privacy, performance = PRESETS[DEFAULT_PRESET]
    monkeypatch.setattr("guise.dpaf.training.planning._LEAST_STEPS", 2)
    less = replace(privacy, head_steps=0, steps=1), replace(performance, critic_steps=1)
    monkeypatch.setitem(PRESETS, DEFAULT_PRESET, less)


def train(data, tmp_path, *more):
    where = ("--out", tmp_path / "run", "--budgets", tmp_path / "budgets.sqlite")
    return call(dpaf, "train", "--data", data, "--epsilon", "10", "--minutes", "0.001", *where, *more)


def check_nothing_spent(tmp_path):
    assert not (tmp_path / "run").exists() and not (tmp_path / "budgets.sqlite").exists()


def planned(outcome, *words):
    assert outcome.code == 0, outcome.stderr
    plan = outcome.stderr[: outcome.stderr.index("together:")]
    for word in words:
        assert word in plan


def test_b1_splits_side_by_side_are_no_classes(tmp_path):
    put_shapes(tmp_path / "data" / "train")
    put_shapes(tmp_path / "data" / "test", 10)
    planned(train(tmp_path / "data", tmp_path), "Plan for 80 images", "cat (40), dog (40)", "beside test")


def test_b2_an_empty_class_is_named_before_anything_is_spent(tmp_path):
    put_shapes(tmp_path / "data")
    (tmp_path / "data" / "bird").mkdir()
    planned(train(tmp_path / "data", tmp_path), "cat (40), dog (40)", "left out: bird (no image in it)")


def test_b5_one_message_names_all_bad_files(tmp_path):
    put_shapes(tmp_path / "data")
    broken = tmp_path / "data" / "dog" / "007.png"
    broken.write_bytes(broken.read_bytes()[:200])
    Image.open(tmp_path / "data" / "cat" / "000.png").convert("P").save(tmp_path / "data" / "cat" / "one.gif")
    (tmp_path / "data" / "cat" / "two.png").write_bytes(b"")
    check_refused(train(tmp_path / "data", tmp_path), 2, "cannot read 2 of 82 images", "dog/007.png", "cat/two.png")
    check_nothing_spent(tmp_path)


def test_b8_a_range_that_fills_nothing_of_its_type_is_refused_unless_confirmed(tmp_path):
    images, labels = digits()
    np.savez(tmp_path / "data.npz", images=(images > 127).astype(np.uint8), labels=labels)
    refused = train(tmp_path / "data.npz", tmp_path)
    check_refused(refused, 2, "go from 0 to 1 where integers go to 255", "with --as-is", "nothing was spent")
    check_nothing_spent(tmp_path)
    planned(train(tmp_path / "data.npz", tmp_path, "--as-is"), "uint8, 0 to 1 of 0 to 255")


def test_classes_called_like_splits_are_refused_unless_confirmed(tmp_path):
    put_shapes(tmp_path / "data")
    (tmp_path / "data" / "dog").rename(tmp_path / "data" / "Test")
    check_refused(train(tmp_path / "data", tmp_path), 2, "called Test", "--as-is")
    check_nothing_spent(tmp_path)
    planned(train(tmp_path / "data", tmp_path, "--yes"), "Test (40), cat (40)")


def test_b9_labels_from_1_keep_their_names_in_the_run(tmp_path):
    images, labels = digits()
    np.savez(tmp_path / "data.npz", images=images, labels=labels + 1)
    planned(train(tmp_path / "data.npz", tmp_path), "Plan for 300 images", "10 classes", "1 is 0, 2 is 1")
    assert RunFolder(tmp_path / "run").settings().classes == tuple(map(str, range(1, 11)))
    drawn = call(dpaf, "sample", tmp_path / "run", "--count", 3, "--class", "10", "--out", tmp_path / "s")
    assert drawn.code == 0 and len(list((tmp_path / "s" / "10").iterdir())) == 3


def test_b10_keras_npz_is_trained_on_and_tested_with(tmp_path):
    images, labels = digits()
    parts = {"x_train": images[:200], "y_train": labels[:200], "x_test": images[200:], "y_test": labels[200:]}
    np.savez(tmp_path / "data.npz", **parts)
    planned(train(tmp_path / "data.npz", tmp_path), "Plan for 200 images", "10 classes", "arrays x_train and y_train")
    outcome = call(dpaf, "evaluate", tmp_path / "run", "--test", tmp_path / "data.npz", "--count", 100)
    assert outcome.code == 0 and "on 100 real images" in outcome.stderr


def test_b13_idx_files_with_dots_are_read(tmp_path):
    images, labels = digits()
    (tmp_path / "data").mkdir()
    for part, rows in (("train", slice(0, 200)), ("t10k", slice(200, 300))):
        (tmp_path / "data" / f"{part}-images.idx3-ubyte").write_bytes(idx(images[rows]))
        (tmp_path / "data" / f"{part}-labels.idx1-ubyte").write_bytes(idx(labels[rows]))
    planned(train(tmp_path / "data", tmp_path), "Plan for 200 images of 28x28x1, 10 classes")


def test_at_a_terminal_nothing_is_spent_without_a_yes(tmp_path):
    """In a terminal of its own, for the question is asked only where somebody can answer."""
    put_shapes(tmp_path / "data", 10)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "guise", "dpaf", "train", "--data", str(tmp_path / "data"), "--epsilon", "10"]
    command += ["--minutes", "0.001", "--out", str(tmp_path / "run"), "--budgets", str(tmp_path / "budgets.sqlite")]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said = b""
    while b"Spend it?" not in said:
        said += os.read(ours, 1000)
    os.write(ours, b"n\n")
    try:
        while chunk := os.read(ours, 1000):
            said += chunk
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 130 and b"Nothing was spent." in said and b"cat (10), dog (10)" in said
    check_nothing_spent(tmp_path)
