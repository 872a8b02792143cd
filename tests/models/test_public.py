from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from guise import models


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
    lines = (models.__doc__ or "").splitlines()
    program = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ") or not line))
    names: dict[str, object] = {}
    exec(program, names)
    assert isinstance(names["recogniser"], models.Recogniser)
    assert "load_recogniser" in program and ".licence" in program
