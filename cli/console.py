"""What every command shows alike: messages and progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import click

from guise.cli.flags import as_flags
from guise.models.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure


Step = Callable[[str, int, int], None]
"""Called with what is being done, items done and items in all."""


def message(text: str) -> None:
    """One line for a person, on stderr."""
    click.echo(as_flags(text), err=True)


def show_json(text: str) -> None:
    """A report for programs, on stdout; its notes name flags."""
    click.echo(as_flags(text))


@contextmanager
def steps() -> Iterator[Step]:
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

    from guise.models.files import printable

    drawn = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else ():
        words = max(map(len, column.split()), default=0)
        drawn.add_column(column, overflow="fold", no_wrap=column == "name", min_width=words)
    for row in rows:
        drawn.add_row(*(as_flags(printable(value)) for value in row.values()))
    # Where nobody watches, a row is a line, however long; rich would fold it at 80 columns.
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, markup=False, emoji=False).print(drawn)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a matplotlib figure as PNG, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    _save_png(lambda drawn: figure.savefig(drawn, format="png", dpi=150), path)


def save_picture(pixels: np.ndarray, path: Path) -> None:
    """Write uint8 (H, W, 1 or 3) as PNG, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image

    _save_png(lambda drawn: Image.fromarray(pixels.squeeze()).save(drawn, format="PNG"), path)


def check_user_face(user_face: str, words: tuple[str, ...]) -> None:
    """Raise InputError unless --user-face is a file or one of `words`."""
    from pathlib import Path

    from guise.models.files import printable

    if user_face not in words and not Path(user_face).is_file():
        what = f"--user-face {printable(user_face)} is neither a photo nor {', '.join(words)}"
        raise InputError(f"{what}: name a photo of the user, or one of these")


def check_picture(path: Path, option: str, folders: Iterable[Path]) -> None:
    """Find a bad place for a picture before the work begins: it shows faces, and must replace no photo.

    Raises:
        InputError: it is no PNG, or lies in one of the folders of photos.
    """
    from guise.models.files import printable

    if path.suffix.lower() != ".png":
        raise InputError(f"{option} {printable(path)} is no PNG: give it a name that ends in .png")
    for folder in folders:
        if path.resolve().is_relative_to(folder.resolve()):
            what = f"picture {printable(path)} lies inside {printable(folder)}"
            raise InputError(f"{what}: choose a place outside the folders of photos with {option}")


def _save_png(draw: Callable[[BytesIO], object], path: Path) -> None:
    from guise.models.files import atomic_write

    drawn = BytesIO()
    draw(drawn)
    with atomic_write(path) as file:
        file.write(drawn.getvalue())


def warn_quietly() -> None:
    """Keep libraries' warnings, which users can do nothing about, off the screen."""
    import warnings

    warnings.simplefilter("ignore")
