"""The program in the package's docstring runs, and something real comes out of it."""

from dataclasses import replace

import pytest

from guise import dpaf
from guise.dpaf.settings import DEFAULT_PRESET
from guise.dpaf.training import planning
from tests.programs import run_program

FASTER = {  # the same calls, with less to do
    "epsilon=1,": "epsilon=1, minutes=0.01,",
    'test="digits"': 'test="digits", count=100',
    "audit()": "audit(runs=20)",
}


def test_the_program_of_the_docstring_trains_samples_measures_audits_and_reports(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))
    privacy, performance = dpaf.PRESETS[DEFAULT_PRESET]
    smaller = replace(privacy, head_steps=20, steps=2), replace(performance, fakes=2, critic_steps=2)
    monkeypatch.setitem(dpaf.PRESETS, DEFAULT_PRESET, smaller)
    monkeypatch.setattr(planning, "_LEAST_STEPS", 20)
    names = run_program(dpaf, instead=FASTER)
    assert capsys.readouterr().out.startswith("Plan for 1437 images of 28x28x1, 10 classes")
    run, images, labels = names["run"], names["images"], names["labels"]
    assert images.shape == (1000, 28, 28, 1) and images.std() > 5 and set(labels) == set(range(10))
    spending = run.spending()
    assert 0.99 < spending.spent <= spending.epsilon == 1
    assert all(part.charged == part.phase.steps for part in spending.phases)
    report = (tmp_path / "runs" / "digits" / "privacy.md").read_text()
    assert "(1, 1e-05)-differential privacy" in report and "White-box" in report
    (account,) = dpaf.accounts().accounts
    assert account.name == "digits" and account.epsilon_reserved == pytest.approx(spending.spent, rel=1e-3)
