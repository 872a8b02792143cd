from __future__ import annotations

import subprocess
import sys

import pytest

from guise import models
from tests.programs import program_of, run_program


def test_listing_records_imports_no_torch() -> None:
    code = (
        "import sys, guise.models, guise.cli.models\n"
        "assert guise.models.get('dlib-resnet'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_are_what_all_says() -> None:
    assert sorted(models.__all__) == models.__all__
    assert all(getattr(models, name) is not None for name in models.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        models.nothing  # noqa: B018


def test_the_program_in_the_docstring_runs() -> None:
    names = run_program(models)
    assert isinstance(names["recogniser"], models.Recogniser)
    assert "load_recogniser" in program_of(models) and ".licence" in program_of(models)
