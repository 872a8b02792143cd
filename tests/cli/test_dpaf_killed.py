"""`guise dpaf train` killed in a step: all that it may have released is in the ledger, and resuming adds nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from guise.cli.dpaf import dpaf
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.run_folder import RunFolder
from tests.cli.command_line import call

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

# Dies in its 60th private step: 50 are in the checkpoint by then. Noise is drawn after a charge and before a release.
KILLED = """
import os, signal, sys
from guise.dpaf.mechanisms import private_step
from guise.dpaf.training import planning
planning._LEAST_STEPS = 8  # of fitting, when it is resumed
draw, count = private_step.gaussian, 0

def die(*given):
    global count
    count += 1
    if count == 60:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(*given)

private_step.gaussian = die
from guise.cli.main import main
sys.argv = ["guise", *sys.argv[1:]]
main()
"""


def test_a_killed_run_has_paid_for_all_it_released_and_resumes_within_its_plan(tmp_path):
    labels = np.arange(60) % 2
    np.savez(tmp_path / "toy.npz", images=np.random.default_rng(0).integers(0, 255, (60, 28, 28)), labels=labels)
    out = tmp_path / "run"
    options = ["--data", tmp_path / "toy.npz", "--out", out, "--budgets", tmp_path / "b.sqlite", "--minutes", "0.001"]
    given = ["dpaf", "train", *options, "--epsilon", "2", "--delta", "1e-3"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, given)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    ledger = RunFolder(out).ledger()
    assert ledger.entries == 1 + 60  # the feature means, and each step down to the one whose noise was just drawn
    before = (out / "ledger.jsonl").read_bytes()
    trained_state(RunFolder(out))  # what was saved is whole
    outcome = call(dpaf, "train", *options, "--resume")
    assert outcome.code == 0, outcome.stderr
    assert (out / "ledger.jsonl").read_bytes().startswith(before)
    assert RunFolder(out).ledger().spent() == ledger.plan
