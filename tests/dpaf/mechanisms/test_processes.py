"""Two processes over gloo: one ledger, one epsilon, the same parameters, the same private results as one process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from guise.dpaf.mechanisms.processes import ALONE, Processes
from tests.dpaf import toy

ROOT = Path(__file__).parents[3]
WORKER = """
import sys
from pathlib import Path
from safetensors.torch import save_file
sys.path.insert(0, {root!r})
from tests.dpaf import toy
from guise.dpaf.mechanisms.processes import joined
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.trainer import Trainer

path, count = Path(sys.argv[1]), int(sys.argv[2])
with joined() as processes:
    data = toy.two_classes(count)
    processes.first(lambda: toy.begin(path, data, toy.privacy(sys.argv[3]), preset=sys.argv[3]) and None)
    streams = Streams(unsafe_seed=1, processes=processes)
    claim = processes.first(lambda: toy.claim(RunFolder(path)))
    state = Trainer(data, claim, streams=streams).train()
    save_file(state.tensors(), path / f"state-{{processes.rank}}.safetensors")
"""


def spread(count, *arguments, **more):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **more)


@pytest.fixture
def worker(tmp_path):
    path = tmp_path / "worker.py"
    path.write_text(WORKER.format(root=str(ROOT)))
    return path


@pytest.mark.parametrize(("preset", "records"), [("pretrained", 40), ("dpgan", 4)])
def test_two_processes_share_one_ledger_and_hold_the_same_parameters(tmp_path, worker, preset, records):
    one, two = tmp_path / "one", tmp_path / "two"
    data = toy.two_classes(records)
    alone = toy.train(toy.begin(one, data, toy.privacy(preset), preset=preset), data).tensors()
    done = spread(2, worker, two, records, preset)
    assert done.returncode == 0, done.stderr
    first, second = (load_file(two / f"state-{rank}.safetensors") for rank in (0, 1))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    lines = [
        [json.loads(line)["phase"] for line in (folder / "ledger.jsonl").read_text().splitlines()[1:]]
        for folder in (one, two)
    ]
    assert lines[0] == lines[1]
    for name in (
        ("means", "head.weight", "stem.0.conv.weight") if preset == "pretrained" else ()
    ):  # the releases that no fake has a part in
        torch.testing.assert_close(first[name], alone[name], atol=1e-5, rtol=1e-4)


def test_an_error_in_one_reaches_all(tmp_path):
    script = tmp_path / "fail.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from guise.dpaf.mechanisms.processes import joined\n"
        "from guise.models.errors import BudgetError\n"
        "def fail(where):\n"
        "    if processes.rank == where:\n"
        "        raise BudgetError(f'spent in {where}')\n"
        "    return processes.rank\n"
        "told = []\n"
        "with joined() as processes:\n"
        "    assert processes.each(lambda: fail(5)) == processes.rank\n"
        "    for ask, where in ((processes.first, 0), (processes.each, 0), (processes.each, 1)):\n"
        "        try:\n"
        "            ask(lambda: fail(where))\n"
        "        except BudgetError as error:\n"
        "            told.append(str(error))\n"
        "    (Path(sys.argv[1]) / f'told-{processes.rank}').write_text(', '.join(told))\n"
    )
    done = spread(2, script, tmp_path)
    assert done.returncode == 0, done.stderr
    for rank in (0, 1):
        assert (tmp_path / f"told-{rank}").read_text() == "spent in 0, spent in 0, spent in 1"


def test_every_record_is_one_process_own():
    rows = torch.tensor([0, 3, 4, 9])
    owned = [Processes(rank, 3).own(rows) for rank in range(3)]
    assert torch.equal(sum(own.int() for own in owned), torch.ones(4, dtype=torch.int))
    assert ALONE.own(rows).all()


def test_the_command_runs_under_torchrun(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    run, data = tmp_path / "run", tmp_path / "data.npz"
    images = toy.two_classes(60).images[:, 0].numpy()
    np.savez(data, images=images, labels=np.arange(60) % 2)
    options = ("--data", data, "--epsilon", "2", "--delta", "1e-3", "--minutes", "0.001", "--budgets", tmp_path / "b")
    done = spread(2, "-m", "guise", "dpaf", "train", *options, "--out", run, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Plan for") == 1 and done.stderr.count("done:") == 1
    assert (run / "samples.png").is_file()
    again = spread(2, "-m", "guise", "dpaf", "train", *options, "--out", run, cwd=ROOT)
    assert again.returncode != 0 and again.stderr.count("holds a run already") == 1
