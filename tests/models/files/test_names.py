import os
from pathlib import Path

from guise.models.files import printable


def test_names_are_printed_on_one_line_in_any_encoding() -> None:
    assert printable(Path("a b/Zoë.jpg")) == str(Path("a b/Zoë.jpg"))
    assert printable("two\nlines\x1b[0m") == "two\\nlines\\x1b[0m"
    assert printable(os.fsdecode(b"\xff.jpg")).encode("utf-8")
