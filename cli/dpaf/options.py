"""Options of the commands that spend a privacy budget on a dataset."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

_Command = Callable[..., Any]

_WHAT = (
    click.option("--data", required=True, help="Folder of images, idx, npz, parquet, or a name such as digits."),
    click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run."),
    click.option("--epsilon", type=float, help="Privacy budget. [needed unless --resume]"),
    click.option("--delta", type=float, help="[default: 1e-5, less for more than 50,000 images]"),
    click.option("--size", type=int, help="Side of the images: 28, 32, 64 or 128. [default: the nearest]"),
)
_HOW = (
    click.option("--physical-batch-size", type=click.IntRange(1), help="Images at once; changes memory only."),
    click.option("--budgets", type=click.Path(dir_okay=False, path_type=Path), help="File of the datasets' budgets."),
    click.option("--resume", is_flag=True, help="Go on with the run in --out."),
    click.option("--unsafe-reproducible", type=int, metavar="SEED", help="NOT PRIVATE: noise from a seed."),
    click.option("--as-is", is_flag=True, help="Take --data as it is, though its range or its classes look odd."),
    click.option("--group-column", metavar="NAME", help="Array or column that tells whose image each is."),
    click.option("--group-folders", is_flag=True, help="Images lie in CLASS/PERSON/ or PERSON/."),
    click.option("--images-per-person", type=click.IntRange(1), default=8, show_default=True, help="Used at most."),
    click.option("--yes", is_flag=True, help="Ask nothing: for scripts. Includes --as-is."),
)


def what_to_spend(command: _Command) -> _Command:
    """The dataset, the run's folder and the budget."""
    return reduce(lambda under, option: option(under), reversed(_WHAT), command)


def how_to_run(command: _Command) -> _Command:
    """What does not change what is learnt, and whose images they are."""
    return reduce(lambda under, option: option(under), reversed(_HOW), command)
