"""The words of the page: all in one file, counted rightly, and written to the page as text only."""

from __future__ import annotations

import json
import re
from pathlib import Path

STATIC = Path(__file__).parents[3] / "cli" / "app" / "static"


def test_names_reach_the_page_as_text_only() -> None:
    code = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", code)
    assert not re.search(r"https?://(?!127)", code + (STATIC / "index.html").read_text("utf-8"))


def test_all_words_are_in_one_place() -> None:
    texts = json.loads((STATIC / "texts.json").read_text("utf-8"))
    page = "".join(path.read_text("utf-8") for path in STATIC.iterdir() if path.suffix in (".html", ".js"))
    said = {*re.findall(r'data-text="([^"]+)"', page), *re.findall(r'\bsay\("([^"]+)"', page)}
    code = "".join(path.read_text("utf-8") for path in STATIC.parent.rglob("*.py"))
    said |= {f"error.{name}" for name in re.findall(r'RefusedError\(\s*"([^"]+)"', code)}
    assert said - set(texts) == set()
    parts = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)*\.)\$\{", page))  # the rest of these is put together
    used = said | set(re.findall(r'"([^"\n]+)"', page))
    assert {key for key in texts if key not in used and not key.startswith(tuple(parts))} == set()


def test_a_word_that_counts_follows_its_number() -> None:
    texts = json.loads((STATIC / "texts.json").read_text("utf-8"))
    choice = re.compile(r"\{(\w+), plural,((?: \w+ \{(?:[^{}]|\{\w+\})*\})+)\}")
    counts = {found[1] for text in texts.values() for found in choice.finditer(text)}
    assert {"photos", "total", "count", "n"} <= counts
    for text in texts.values():
        assert all(" other {" in found[2] for found in choice.finditer(text)), text
        rest = choice.sub("", text)
        assert ", plural" not in rest and not re.search(rf"\{{({'|'.join(counts)})\}} \w+s\b", rest), text
