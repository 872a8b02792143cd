"""A message of the library in the words of the command line."""

import pytest

from guise.cli.flags import as_flags


@pytest.mark.parametrize(
    ("library", "shell"),
    [
        ("choose another place with `out=`", "choose another place with --out"),
        ("put it on as it is: `refine=0`", "put it on as it is: --refine 0"),
        ("go on with `resume=True`", "go on with --resume"),
        ("see `keep_metadata=` and `class_=cat`", "see --keep-metadata and --class cat"),
        ("run `guise models list`", "run `guise models list`"),
        ("no parameter", "no parameter"),
    ],
)
def test_parameters_become_flags_and_nothing_else_changes(library: str, shell: str):
    assert as_flags(library) == shell
