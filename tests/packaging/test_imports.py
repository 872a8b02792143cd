"""Imports go one way: models at the bottom, the engines above it and apart from one another, cli on top.

All of this is read from the source, so imports inside functions and under `if TYPE_CHECKING` count as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINES = ("chameleon", "dpaf", "harmless")
PARTS = ("chameleon", "cli", "dpaf", "harmless", "models")
LINES = 250
SEARCHED = (*PARTS, "benchmarks", "scripts", "tests")
USES_OTHERS = {Path("tests/packaging/test_wheel.py"), Path("tests/cli/harmless/test_user_modules.py")}
"""They show that other people's packages of these names work side by side with ours."""

_BARE = re.compile(rf"(?:^|[;\"'(])\s*(?:from|import)\s+(?:{'|'.join(PARTS)})\b(?!\s*=)", re.MULTILINE)


def _files(folder: str) -> Iterator[Path]:
    """Python files of the checkout; the links in scripts/namespace lead to the same ones."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "namespace" not in path.relative_to(ROOT).parts:
            yield path


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("guise", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@cache
def _modules() -> Mapping[str, Path]:
    return {_name(path): path for part in PARTS for path in _files(part)}


def _imported(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, module and name (or "") of each import in a file, with relative ones made absolute."""
    package = _name(path) if path.name == "__init__.py" else _name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join((*above, *([node.module] if node.module else [])))
            yield from ((node.lineno, module, alias.name) for alias in node.names)


@cache
def _graph() -> Mapping[str, Mapping[str, int]]:
    """Each module's imports of our modules, with the line. A name that a package re-exports counts as the package."""
    modules = _modules()
    graph: dict[str, dict[str, int]] = {}
    for module, path in modules.items():
        graph[module] = {}
        for line, source, name in _imported(path):
            target = f"{source}.{name}" if f"{source}.{name}" in modules else source
            if target in modules and target != module:
                graph[module].setdefault(target, line)
    return graph


def _folder(module: str) -> str:
    """`guise.dpaf.audit` for all modules in that folder; a file directly in an engine stands for itself."""
    return ".".join(module.split(".")[:3])


def _part(module: str) -> str:
    return module.split(".")[1]


def _edges() -> Iterator[tuple[str, str, str]]:
    """Importing module, imported module, and where: `dpaf/plan.py:7`."""
    for module, targets in _graph().items():
        for target, line in targets.items():
            yield module, target, f"{_modules()[module].relative_to(ROOT)}:{line} imports {target}"


def _circles(edges: Mapping[tuple[str, str], str]) -> str:
    """Circles that together explain why the graph has no order: each with the imports that close it, or ""."""
    left, told = dict(edges), []
    while True:
        graph: dict[str, set[str]] = {}
        for source, sink in left:
            graph.setdefault(source, set()).add(sink)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            steps = list(reversed(error.args[1]))
            pairs = list(pairwise(steps))
            told.append("\n  ".join([" -> ".join(steps), *(edges[pair] for pair in pairs)]))
            del left[pairs[-1]]
        else:
            return "\n".join(told)


def test_the_graph_is_seen_at_all() -> None:
    graph = _graph()
    assert "guise.models.recognisers.custom" in graph["guise.models.recognisers.loading"]  # inside a function
    assert "guise.models.recognisers.recogniser" in graph["guise.models"]  # for type checkers only
    assert {_part(module) for module in graph} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_no_circle_between_modules(part: str) -> None:
    edges = {(module, target): place for module, target, place in _edges() if part == _part(module) == _part(target)}
    assert not (circles := _circles(edges)), circles


@pytest.mark.parametrize("part", PARTS)
def test_no_circle_between_folders(part: str) -> None:
    edges: dict[tuple[str, str], str] = {}
    for module, target, place in _edges():
        if part == _part(module) == _part(target) and _folder(module) != _folder(target):
            edges.setdefault((_folder(module), _folder(target)), place)
    assert not (circles := _circles(edges)), circles


def test_the_engines_never_import_one_another() -> None:
    wrong = [
        place
        for module, target, place in _edges()
        if _part(module) in ENGINES and _part(target) in ENGINES and _part(module) != _part(target)
    ]
    assert not wrong, "\n".join(wrong)


def test_models_imports_no_engine_and_no_command() -> None:
    wrong = [place for module, target, place in _edges() if _part(module) == "models" != _part(target)]
    assert not wrong, "\n".join(wrong)


def test_nothing_but_the_command_line_imports_it() -> None:
    wrong = [place for module, target, place in _edges() if _part(module) != "cli" == _part(target)]
    assert not wrong, "\n".join(wrong)


def test_our_folders_are_imported_as_parts_of_guise_only() -> None:
    """`import models` would find the folder of the program's user. The text of programs in tests counts too."""
    bare = []
    for path in (path for folder in SEARCHED for path in _files(folder)):
        text, place = path.read_text("utf-8"), path.relative_to(ROOT)
        if place not in USES_OTHERS:
            bare += [f"{place}: {match[0].strip()}" for match in _BARE.finditer(text)]
            bare += [
                f"{place}:{line} imports {name}" for line, name, _ in _imported(path) if name.partition(".")[0] in PARTS
            ]
    assert not bare, "\n".join(bare)


def test_no_file_grows_too_long() -> None:
    paths = [path for folder in (*PARTS, "benchmarks", "scripts") for path in _files(folder)]
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in paths}
    long = [f"{path} has {length} lines" for path, length in lengths.items() if length > LINES]
    assert not long, "\n".join(long)
