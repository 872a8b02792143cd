from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from guise.models.errors import InputError
from guise.models.recognisers import frbench, registry, teams
from guise.models.recognisers.record import Record
from guise.models.weights import weight_file

Fetch = Callable[[str], None]
TINY_SWIN = "frbench:swinv2-t/arcface/ms1m"


@pytest.fixture
def fetch() -> Fetch:
    """Put something into the cache in the place of weights."""

    def put(name: str) -> None:
        path = weight_file.locate(registry.get(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")

    return put


@pytest.fixture
def no_facenet(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(registry.RECORDS["facenet"], origin="no_such_package")
    monkeypatch.setitem(registry.RECORDS, "facenet", absent)


def test_the_default_team_is_the_registrys() -> None:
    assert teams.named("default") == teams.NamedTeam("default", registry.TEAM, registry.WHY_TEAM)


def test_an_unknown_team_is_refused() -> None:
    with pytest.raises(InputError, match="`team=wider` is not known: use default or wide"):
        teams.named("wider")


@pytest.mark.usefixtures("no_facenet")
def test_without_anything_fetched_the_wide_team_adds_what_comes_with_guise_and_says_what_is_left_out() -> None:
    wide = teams.named("wide")
    assert wide.members == (*registry.TEAM, "guise-vit")
    assert wide.missing[0] == "FaceNet, `pip install no_such_package`"
    assert wide.missing[1] == f"a transformer, `guise models fetch {TINY_SWIN}`"
    assert len(wide.missing) == len(teams.KINDS)


def test_the_wide_team_takes_one_of_each_kind_that_is_here(fetch: Fetch) -> None:
    fetched = {
        "frbench:swinv2-b/cosface/ms1m": True,
        "frbench:swinv2-l/arcface/ms1m": False,  # it is of the same kind, and larger
        "frbench:mobilevitv3-s/arcface/ms1m": True,
        "frbench:convnextv2-b/arcface/ms1m": True,
        "frbench:irse-100/adaface/ms1m": True,
        "frbench:densenet-201/arcface/ms1m": False,
    }
    for name in fetched:
        fetch(name)
    wide = teams.named("wide")
    assert wide.members == (*registry.TEAM, "facenet", *(name for name, taken in fetched.items() if taken))
    assert wide.missing == ()


@pytest.mark.usefixtures("no_facenet")
def test_another_facenet_takes_the_place_of_the_packaged_one(fetch: Fetch) -> None:
    fetch("facenet-vggface2")
    assert "facenet-vggface2" in teams.named("wide").members


def test_weights_without_the_package_that_has_their_code_are_not_here(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(TINY_SWIN)
    assert TINY_SWIN in teams.named("wide").members
    monkeypatch.setattr(frbench, "is_installed", lambda: False)
    wide = teams.named("wide")
    assert TINY_SWIN not in wide.members
    assert f'a transformer, `pip install "guise[frbench]"`, then `guise models fetch {TINY_SWIN}`' in wide.missing


def test_every_recogniser_of_frbench_is_of_one_kind_and_candidates_are_known() -> None:
    candidates = [name for kind in teams.KINDS.values() for name in kind]
    assert sorted(name for name in candidates if name.startswith("frbench:")) == sorted(frbench.RECORDS)
    assert all(isinstance(registry.RECORDS[name], Record) for name in candidates)
