"""`guise harmless fingerprint make|test`: pictures that identify a model's first layer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load, load_all
from guise.models.errors import InputError

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def fingerprint() -> None:
    """Recognise a model by what its first layer ignores.

    Evidence, no proof: fine-tuning the first layer or blurring its input takes it away, and whoever finds that
    layer's row space from its answers can build a model that matches.
    """


@fingerprint.command()
@click.option("--model", required=True, help=MODEL_HELP)
@click.option("--out", type=_FOLDER, required=True, help="New folder for the probe.")
@how_to_load
@click.option("--pairs", default=4, show_default=True, type=click.IntRange(1, 99), help="Of pictures.")
@click.option("--strangers", default=40, show_default=True, type=click.IntRange(1), help="Other models to test on.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of the pictures and the strangers."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON on stdout.")
def make(model: str, out: Path, pairs: int, strangers: int, seed: int, as_json: bool, **how: Any) -> None:
    """Write pairs of pictures that only a model with MODEL's first layer takes for equal, with controls.

    Strangers are the same network with another first layer, with filters as rough as the model's own.
    """
    console.warn_quietly()
    from guise.harmless.fingerprints import make as make_probe
    from guise.harmless.fingerprints import save_probe
    from guise.harmless.fingerprints.files import check_new
    from guise.models.files import check_writable

    check_new(out)
    check_writable(out)
    probe = make_probe(load_all([model], **how), pairs=pairs, strangers=strangers, seed=seed)
    save_probe(probe, out)
    origin, others = probe.origin, probe.origin.strangers
    if as_json:
        click.echo(json.dumps(asdict(origin), indent=1, allow_nan=False))
        return
    rows = [("this model", origin.score), ("threshold", origin.threshold)]
    rows += [(f"weights moved by {100 * float(level):g} %", score) for level, score in others.disturbed.items()]
    rows += [("nearest stranger", others.least), ("median stranger", others.median)]
    console.table([{"name": name, "score": f"{score:.2g}"} for name, score in rows])
    console.message(
        f"{others.taken} of {others.count} strangers match: false positives below {others.rate_below:.1%} (95 %)"
    )


@fingerprint.command()
@click.argument("probe", type=_FOLDER)
@click.option("--model", help=MODEL_HELP)
@click.option("--outputs", type=_FILE, help="Instead: what a model answered, .npy or .json, a row a picture in order.")
@how_to_load
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def test(probe: Path, model: str | None, outputs: Path | None, as_json: bool, **how: Any) -> None:
    """Say whether a model, or its answers alone, match the probe, and with what margin.

    Below a score of `threshold` it matches. The order of rows in --outputs is that of probe.json.
    """
    console.warn_quietly()
    from guise.harmless.fingerprints import load_probe, match
    from guise.harmless.fingerprints.files import read_outputs
    from guise.harmless.fingerprints.probe import run

    if (model is None) == (outputs is None):
        raise InputError("give either --model or --outputs")
    found = load_probe(probe)
    if outputs is not None:
        answers = read_outputs(outputs, len(found.pictures))
    else:
        answers = run(load_all([str(model)], **how), found.pictures)
    result = match(answers, threshold=found.origin.threshold)
    if as_json:
        rate = found.origin.strangers.rate_below
        click.echo(json.dumps({**asdict(result), "false_positives_below": rate}, indent=1, allow_nan=False))
        return
    console.table(
        [
            {
                "matches": "yes" if result.matches else "no",
                "score": f"{result.score:.2g}",
                "threshold": f"{found.origin.threshold:.2g}",
                "margin": f"{result.margin:.2g}",
                "strangers that match": f"below {found.origin.strangers.rate_below:.1%}",
            }
        ]
    )
