"""What the worker processes of the other tabs do: nothing is spent unasked, and every figure is the library's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from guise import dpaf, harmless
from guise.cli.app.worker.blind_spots import BlindSpotJobs
from guise.cli.app.worker.synthetic import SyntheticJobs
from guise.models.errors import InputError


class Told(list[dict[str, Any]]):
    def __call__(self, event: str, **values: Any) -> None:
        self.append(json.loads(json.dumps({"event": event, **values})))

    def all(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self if told["event"] == event]


@pytest.fixture(autouse=True)
def own_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "data" / "budgets.sqlite"
    monkeypatch.setattr("guise.dpaf.accounting.budget.default_path", lambda: file)
    monkeypatch.setattr("guise.dpaf.training.planning._LEAST_STEPS", 8)
    return file


@pytest.fixture
def views(tmp_path: Path) -> Path:
    (tmp_path / "views").mkdir()
    return tmp_path / "views"


@pytest.fixture
def run(tmp_path: Path, views: Path) -> dict[str, Any]:
    labels = np.arange(60) % 2
    pixels = np.random.default_rng(0).integers(0, 60, (60, 28, 28))
    pixels[labels == 1, :14] += 150
    np.savez(tmp_path / "toy.npz", images=pixels, labels=labels)
    where = {"data": str(tmp_path / "toy.npz"), "out": str(tmp_path / "runs" / "toy"), "views": str(views)}
    return {**where, "epsilon": 2.0, "minutes": 0.001}


def test_a_plan_spends_nothing_and_the_run_spends_what_was_agreed(run, views):
    told = Told()
    jobs = SyntheticJobs(told)
    jobs.do({**run, "do": "plan"})
    (plan,) = told.all("plan")
    assert plan["records"] == 60 and 1.5 < plan["epsilon"] <= 2 and plan["account"] is None
    assert not (Path(run["out"]) / "run.json").exists() and dpaf.accounts().accounts == ()

    with pytest.raises(InputError, match="changed since the plan was shown"):
        jobs.do({**run, "do": "train", "resume": False, "plan": {**plan, "epsilon": 1.0}})
    assert dpaf.accounts().accounts == ()

    told.clear()
    jobs.do({**run, "do": "train", "resume": False, "plan": plan})
    spent = [event["spent"] for event in told.all("spent")]
    assert len(spent) > 3 and spent == sorted(spent) and spent[-1] == pytest.approx(plan["epsilon"])
    (done,) = told.all("done")
    assert "epsilon" in done["text"] and (views / done["picture"]).is_file()
    assert (views / told.all("samples")[-1]["picture"]).is_file()

    told.clear()
    jobs.do({**run, "do": "plan", "out": f"{run['out']}-2"})
    account = told.all("plan")[0]["account"]
    assert account["reserved"] == pytest.approx(plan["epsilon"], abs=1e-3) and len(account["runs"]) == 1

    told.clear()
    for who in (jobs, SyntheticJobs(told)):  # the latter is another process's
        told.clear()
        who.do({**run, "do": "open"})
        assert told.all("done")[0]["text"] == done["text"] and told.all("spent")[-1]["spent"] == spent[-1]
        assert (views / told.all("samples")[-1]["picture"]).is_file()
    folder = Path(run["out"]) / "synthetic"
    jobs.do({**run, "do": "draw", "folder": str(folder), "count": 4})
    assert len(list(folder.rglob("*.png"))) == 4 and told.all("drawn")[0]["count"] == 4


def test_a_run_that_was_stopped_goes_on_with_what_it_paid_for(run):
    told = Told()
    SyntheticJobs(told).do({**run, "do": "plan"})
    plan = told.all("plan")[0]

    def stop(event: str, **values: Any) -> None:
        told(event, **values)
        if event == "progress" and values["what"] == "class head" and values["done"] > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SyntheticJobs(stop).do({**run, "do": "train", "resume": False, "plan": plan})
    before = dpaf.open_run(run["out"]).spending().spent
    assert 0 < before < plan["epsilon"]
    told.clear()
    SyntheticJobs(told).do({**run, "do": "open"})
    assert told.all("done") == [] and len(told.all("open")) == 1
    SyntheticJobs(told).do({**run, "do": "train", "resume": True, "plan": plan})
    assert told.all("spent")[-1]["spent"] == pytest.approx(plan["epsilon"]) and len(told.all("done")) == 1


def test_a_model_is_inspected_and_a_photo_filled_as_the_library_does(views, tmp_path, head):
    told = Told()
    jobs = BlindSpotJobs(told)
    how = {"model": "guise-vit", "views": str(views)}
    jobs.do({**how, "do": "inspect"})
    (space,) = told.all("space")
    known = harmless.null_space("guise-vit", offline=True)
    assert space["shape"] == [3, 112, 112] and space["rows"][-1]["ignored"] == known.nullity

    head.crop((0, 0, 270, 200)).save(tmp_path / "photo.png")
    jobs.do({**how, "do": "fill", "photo": str(tmp_path / "photo.png"), "target": "noise"})
    (filled,), (attacked,) = told.all("filled"), told.all("attacks")
    original, copy = (np.asarray(Image.open(views / filled[side])) for side in ("original", "copy"))
    assert filled["fitted"] == [112, 112] and original.shape == copy.shape == (112, 112, 3)
    certificate = filled["certificate"]
    assert certificate["changes"]["float32"]["output"] < 0.05 and certificate["to_original"]["ssim"] < 0.5
    assert json.loads((views / "certificate.json").read_text()) == certificate
    assert len(attacked["attacks"]) >= 5
    for attack in attacked["attacks"]:
        assert np.asarray(Image.open(views / attack["picture"])).shape == (112, 112, 3)
    best = max(attacked["attacks"], key=lambda attack: attack["ssim"])
    assert best["needs_weights"]  # whoever has the model finds most
