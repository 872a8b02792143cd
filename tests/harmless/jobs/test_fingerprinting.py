"""Only the owner's model matches its probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guise.harmless import LoadedModel, compare_fingerprint, make_fingerprint
from guise.models.errors import InputError
from tests.harmless import tiny


def test_only_the_owners_model_matches_the_probe(model: LoadedModel, tmp_path: Path) -> None:
    probe = make_fingerprint(model, out=tmp_path / "probe", pairs=1, strangers=2)
    own = compare_fingerprint(tmp_path / "probe", model=model)
    assert own.match.matches and own.match == compare_fingerprint(probe, model=model).match
    assert json.loads(own.to_json())["false_positives_below"] == probe.origin.strangers.rate_below
    assert not compare_fingerprint(probe, model=tiny.strided(), input="3x32x32").match.matches
    with pytest.raises(InputError, match="either `model=` or `outputs=`"):
        compare_fingerprint(probe)
    with pytest.raises(InputError, match="with `out=`"):
        make_fingerprint(model, out=tmp_path / "probe")
