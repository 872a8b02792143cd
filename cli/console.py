"""What every command shows alike: messages and progress on stderr, tables on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from guise.models.flags import as_flags
from guise.models.watching import Progress


def message(text: str) -> None:
    """One line for a person, on stderr."""
    click.echo(as_flags(text), err=True)


_MESSAGES = ("note", "notes", "reason", "unmeasured", "no_retrieval")
"""Columns of tables, and fields of reports, that hold sentences of the library."""


def show_json(report: str) -> None:
    """A report for programs, on stdout; its sentences name flags."""
    click.echo(json.dumps(_with_flags(json.loads(report)), indent=1))


def _with_flags(value: Any, *, sentence: bool = False) -> Any:
    """Plain JSON with flags in place of parameters, where it holds sentences."""
    if isinstance(value, dict):
        return {name: _with_flags(part, sentence=sentence or name in _MESSAGES) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_flags(part, sentence=sentence) for part in value]
    return as_flags(value) if sentence and isinstance(value, str) else value


@contextmanager
def steps() -> Iterator[Progress]:
    """A progress bar on stderr with one line for each thing that is done; nothing where nobody watches."""
    from rich.console import Console
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Amount(ProgressColumn):
        """Items done and in all; of downloads, in bytes."""

        def render(self, task: Task) -> Text:
            shown = decimal if task.description.startswith("fetching ") else str
            return Text("/".join("?" if n is None else shown(int(n)) for n in (task.completed, task.total)))

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<20}"), BarColumn(), Amount(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield step


@contextmanager
def download_bar() -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr for bytes, drawn from the first bytes on, where someone can watch it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def table(rows: list[dict[str, str]]) -> None:
    """Print `rows` as a table on stdout, one column for each key."""
    from rich.console import Console
    from rich.table import Table

    from guise.models.files import one_line

    drawn = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else ():
        words = max(map(len, column.split()), default=0)
        drawn.add_column(column, overflow="fold", no_wrap=column == "name", min_width=words)
    for row in rows:
        cells = {name: one_line(cell) for name, cell in row.items()}
        drawn.add_row(*(as_flags(cell) if name in _MESSAGES else cell for name, cell in cells.items()))
    # Where nobody watches, a row is a line, however long; rich would fold it at 80 columns.
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, markup=False, emoji=False).print(drawn)


def warn_quietly() -> None:
    """Keep libraries' warnings, which users can do nothing about, off the screen."""
    import warnings

    warnings.simplefilter("ignore")
