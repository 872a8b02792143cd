"""`guise harmless fingerprint make|test`: pictures that identify a model's first layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load

if TYPE_CHECKING:
    from guise.harmless.fingerprints import Probe
    from guise.harmless.jobs.fingerprinting import FingerprintReport

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def fingerprint() -> None:
    """Recognise a model by what its first layer ignores.

    This is evidence, not proof. Fine-tuning the first layer or blurring its input takes the fingerprint away. Anybody
    who learns that layer's row space from its answers can build a model that matches.
    """


@fingerprint.command()
@click.option("--model", required=True, help=MODEL_HELP)
@click.option("--out", type=_FOLDER, required=True, help="New folder for the probe.")
@how_to_load
@click.option("--pairs", default=4, show_default=True, type=click.IntRange(1, 99), help="Pairs of pictures.")
@click.option("--strangers", default=40, show_default=True, type=click.IntRange(1), help="Other models to test on.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**63 - 1),
    help="Seed of the pictures and strangers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON on stdout.")
def make(model: str, out: Path, pairs: int, strangers: int, seed: int, as_json: bool, **how: Any) -> None:
    """Write pairs of pictures that only a model with MODEL's first layer takes for equal, with controls.

    Strangers are the same network with another first layer, whose filters are as rough as the model's own.
    """
    console.warn_quietly()
    from guise.harmless.jobs.fingerprinting import make_fingerprint

    probe = make_fingerprint(
        model, out=out, pairs=pairs, strangers=strangers, seed=seed, announce=console.message, **how
    )
    if as_json:
        console.show_json(probe.to_json())
    else:
        _show_probe(probe)


@fingerprint.command()
@click.argument("probe", type=_FOLDER)
@click.option("--model", help=MODEL_HELP)
@click.option("--outputs", type=_FILE, help="Instead: what a model answered, .npy or .json, a row a picture in order.")
@how_to_load
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def test(probe: Path, model: str | None, outputs: Path | None, as_json: bool, **how: Any) -> None:
    """Say whether a model, or its answers alone, match the probe, and with what margin.

    It matches below a score of `threshold`. The rows of --outputs have the order of probe.json.
    """
    console.warn_quietly()
    from guise.harmless.jobs.fingerprinting import compare_fingerprint

    report = compare_fingerprint(probe, model=model, outputs=outputs, announce=console.message, **how)
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table([_row(report)])


def _show_probe(probe: Probe) -> None:
    origin, others = probe.origin, probe.origin.strangers
    rows = [("this model", origin.score), ("threshold", origin.threshold)]
    rows += [(f"weights moved by {100 * float(level):g} %", score) for level, score in others.disturbed.items()]
    rows += [("nearest stranger", others.least), ("median stranger", others.median)]
    console.table([{"name": name, "score": f"{score:.2g}"} for name, score in rows])
    console.message(
        f"{others.taken} of {others.count} strangers match: false positives below {others.rate_below:.1%} (95 %)"
    )


def _row(report: FingerprintReport) -> dict[str, str]:
    return {
        "matches": "yes" if report.match.matches else "no",
        "score": f"{report.match.score:.2g}",
        "threshold": f"{report.origin.threshold:.2g}",
        "margin": f"{report.match.margin:.2g}",
        "strangers that match": f"below {report.origin.strangers.rate_below:.1%}",
    }
