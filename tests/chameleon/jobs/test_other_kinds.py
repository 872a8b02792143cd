"""Recognisers of another kind as surrogates and judges: FRBench's, FaceNet, and teams by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from guise import chameleon
from guise.chameleon.learning.learn import LearningSettings
from guise.models.errors import InputError
from guise.models.recognisers import registry, teams
from tests.frbench_release import HYBRID, SMALL, backbone_of, publish, serving_folder

FEW = LearningSettings(steps=2, views=1, watched=1)


@pytest.fixture
def frbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A cache of its own, and a release of two networks with random weights: what was asked of it."""
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving_folder(publish(tmp_path / "release", {name: backbone_of(name) for name in (SMALL, HYBRID)})) as at:
        monkeypatch.setenv("GUISE_FRBENCH", at[0])
        yield at[1]


def test_frbench_is_learnt_against_fitted_against_and_judges(holiday: Path, frbench: list[str]) -> None:
    fetched: set[str] = set()
    key = chameleon.learn(
        holiday, recognisers=[SMALL, HYBRID], settings=FEW, progress=lambda what, *_: fetched.add(what)
    )
    assert f"fetching {SMALL}" in fetched and len(frbench) == 3
    assert key.provenance.recognisers == (SMALL, HYBRID)
    assert key.provenance.weights.keys() == key.templates.keys() == {SMALL, HYBRID}
    report = chameleon.protect(holiday, key, refine=2, patience=0, offline=True)
    assert set(report.recognisers) == {"dlib-resnet", SMALL, HYBRID}
    seen = chameleon.verify(holiday, report.out, recognisers=[SMALL], offline=True)
    assert [recogniser.name for recogniser in seen.recognisers] == [SMALL]
    assert np.isfinite(seen.recognisers[0].saved.similarities).all()


def test_facenet_is_learnt_against_and_fitted_against_and_gives_the_same_files_again(
    holiday: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))
    copies = []
    for turn in ("first", "second"):
        key = chameleon.learn(
            holiday, key=tmp_path / f"{turn}.key", recognisers=["facenet"], settings=FEW, offline=True
        )
        assert key.templates["facenet"].mean.shape == (512,)
        report = chameleon.protect(holiday, key, out=tmp_path / turn, refine=2, patience=0, offline=True)
        assert "facenet" in report.recognisers
        copies.append([path.read_bytes() for path in sorted(report.out.iterdir())])
    assert copies[0] == copies[1] and len(copies[0]) == 2


def test_the_wide_team_is_learnt_against_and_what_is_left_out_is_said(
    holiday: Path, frbench: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "TEAM", ("dlib-resnet",))
    monkeypatch.setattr(teams, "KINDS", {"a hybrid": (HYBRID,), "a small one": (SMALL, "guise-mobilefacenet")})
    said: list[str] = []
    key = chameleon.learn(holiday, team="wide", settings=FEW, announce=said.append)
    assert key.provenance.recognisers == ("dlib-resnet", "guise-mobilefacenet") and frbench == []
    assert said[0].endswith(
        "learning a mask against dlib-resnet + guise-mobilefacenet: the default team, and what is here of other kinds."
    )
    assert said[1:] == [
        f"Left out, as it is not here: a hybrid, `guise models fetch {HYBRID}`.",
        f"Left out, as it is not here: a small one, `guise models fetch {SMALL}`.",
    ]
    chameleon.learn(holiday, team="wide", announce=said.append)
    assert "`team=` without effect" in said[-1]


def test_a_team_and_recognisers_exclude_each_other(holiday: Path) -> None:
    with pytest.raises(InputError, match=r"`team=wide` and `recognisers=` both say what to learn against"):
        chameleon.learn(holiday, team="wide", recognisers=["sface"])
    with pytest.raises(InputError, match=r"`team=narrow` is not known: use default or wide"):
        chameleon.protect(holiday, team="narrow")
    assert not holiday.with_name("holiday.guise-key").exists()
