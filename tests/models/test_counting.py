"""Sentences are right for one thing and for many."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from guise.models.counting import by_number, counted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("count", "text"), [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (21, "21 photos")])
def test_a_number_and_its_word_agree(count: int, text: str) -> None:
    assert counted(count, "photo") == text
    assert counted(count, "copy", "copies").endswith("copy" if count == 1 else "copies")
    assert by_number(count, "is", "are") == ("is" if count == 1 else "are")


def test_no_sentence_leaves_the_number_to_its_reader() -> None:
    """No "file(s)": `counted` writes one or many."""
    files = [
        file for part in ("chameleon", "dpaf", "harmless", "models", "cli") for file in (ROOT / part).rglob("*.py")
    ]
    texts = [
        (file.name, node.lineno, ast.unparse(node))
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
    ]
    assert len(texts) > 500 and [text for text in texts if re.search(r"[a-z]\(e?s\)", text[2])] == []
