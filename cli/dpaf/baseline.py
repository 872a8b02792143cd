"""`guise dpaf baseline`: a private classifier without synthetic images."""

from __future__ import annotations

from typing import Any

import click

from guise.cli import console
from guise.cli.dpaf.options import how_to_run, what_to_spend
from guise.cli.dpaf.train import agree
from guise.models.flags import as_flags


@click.command()
@what_to_spend
@click.option("--test", help="Real test images, as --data: their test split, or all where there is none.")
@how_to_run
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
