"""`guise dpaf baseline`: a private classifier without synthetic images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.dpaf.train import agree
from guise.models.flags import as_flags


@click.command()
@click.option("--data", required=True, help="As for `guise dpaf train`.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--epsilon", type=float, help="Privacy budget. [needed unless --resume]")
@click.option("--delta", type=float, help="[default: 1e-5, less for more than 50,000 images]")
@click.option("--size", type=int, help="Side of the images: 28, 32, 64 or 128. [default: the nearest]")
@click.option("--test", help="Real test images, as --data: their test split, or all where there is none.")
@click.option("--physical-batch-size", type=click.IntRange(1), help="Images at once; changes memory only.")
@click.option("--budgets", type=click.Path(dir_okay=False, path_type=Path), help="File of the datasets' budgets.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--unsafe-reproducible", type=int, metavar="SEED", help="NOT PRIVATE: noise from a seed.")
@click.option("--as-is", is_flag=True, help="Take --data as it is, though its range or its classes look odd.")
@click.option("--group-column", metavar="NAME", help="Array or column that tells whose image each is.")
@click.option("--group-folders", is_flag=True, help="Images lie in CLASS/PERSON/ or PERSON/.")
@click.option("--images-per-person", type=click.IntRange(1), default=8, show_default=True, help="Used at most.")
@click.option("--yes", is_flag=True, help="Ask nothing: for scripts. Includes --as-is.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures of --test as JSON on stdout.")
def baseline(test: str | None, yes: bool, as_json: bool, **options: Any) -> None:
    """Train a classifier on the private images themselves, spending at most --epsilon: no image is made.

    It is what a data owner gets without synthetic images: DP-SGD on scattering features, with the same ledger, budgets,
    audit and report. Compare: guise dpaf evaluate RUN --test ... --baseline OUT
    """
    from guise.dpaf import baseline as train_baseline
    from guise.dpaf.jobs.evaluation import score_on
    from guise.models.files import printable

    console.warn_quietly()
    try:
        with console.steps() as step:
            classifier = train_baseline(
                **options | {"as_is": options["as_is"] or yes},
                on_plan=lambda plan: agree(plan, yes=yes),
                progress=step,
                announce=console.message,
            )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(as_flags(str(stop))) from None
    console.message(f"done: {printable(options['out'])}, epsilon {classifier.settings.privacy.epsilon:g}")
    if test is not None:
        result = score_on(classifier, test)
        if as_json:
            click.echo(result.to_json())
        else:
            console.table([result.row()])
