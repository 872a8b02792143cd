"""README and docs name only what is there: files, headings, modules, commands and options."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from guise.cli.main import guise

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

pytestmark = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def anchors(text: str) -> set[str]:
    """The headings as links name them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = document if not name else document.parent / name
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text("utf-8")), target


def test_modules_and_functions_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # it also names folders of what moved
    for name in set(re.findall(r"`(guise(?:\.\w+)+)`", document.read_text("utf-8"))):
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            try:
                value = importlib.import_module(".".join(parts[:end]))
            except ModuleNotFoundError:
                continue
            for part in parts[end:]:
                value = getattr(value, part)
            break


def commands(text: str) -> list[list[str]]:
    """Lines of code that call one of our programs, without comments and prompts."""
    code = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^ {4,}((?:guise|protect) [^|`\n]*)$", code, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_commands_have_the_options_that_are_shown(document: Path) -> None:
    shown = commands(document.read_text("utf-8"))
    assert shown or document.name not in ("README.md", "usage.md", "dpaf.md", "harmless.md")
    for words in shown:
        command: click.Command = guise
        rest = words[1:] if words[0] == "guise" else words
        with click.Context(command) as context:
            while isinstance(command, click.Group) and rest:
                inner = command.get_command(context, rest[0])
                assert inner is not None, words
                command, rest = inner, rest[1:]
        known = {option for parameter in command.params for option in parameter.opts}
        for word in rest:
            assert not word.startswith("--") or word in known, words
