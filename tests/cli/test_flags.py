"""A message of the library in the words of the command line."""

import json

import pytest

from guise.cli import console
from guise.models.flags import as_flags


@pytest.mark.parametrize(
    ("library", "shell"),
    [
        ("choose another place with `out=`", "choose another place with --out"),
        ("put it on as it is: `refine=0`", "put it on as it is: --refine 0"),
        ("go on with `resume=True`", "go on with --resume"),
        ("see `keep_metadata=` and `class_=cat`", "see --keep-metadata and --class cat"),
        ("run `guise models list`", "run `guise models list`"),
        ("no parameter", "no parameter"),
        ('see `key=a"b c`', 'see --key a"b c'),
    ],
)
def test_parameters_become_flags_and_nothing_else_changes(library: str, shell: str):
    assert as_flags(library) == shell


def test_sentences_of_reports_name_flags_and_names_of_files_stay(capsys: pytest.CaptureFixture[str]):
    photo = {"photo": "`a=b`.jpg", "reason": "see `user_face=all`", "notes": ["`out=`"], "ssim": 0.1 + 0.2}
    console.show_json(json.dumps({"out": "`x=`", "photos": [photo], "unmeasured": {"`k=`": "give `others=`"}}))
    shown = json.loads(capsys.readouterr().out)
    assert shown == {
        "out": "`x=`",
        "photos": [{**photo, "reason": "see --user-face all", "notes": ["--out"]}],
        "unmeasured": {"`k=`": "give --others"},
    }
    console.table([{"photo": "`a=b`.jpg", "note": "`refine=0`"}])
    assert capsys.readouterr().out.split() == ["photo", "note", "`a=b`.jpg", "--refine", "0"]
