"""What `guise verify` shows: a table for people."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import click

from guise.chameleon import VerificationReport
from guise.chameleon.evaluation.retrieval import Scores
from guise.chameleon.evaluation.verify import VersionReport
from guise.chameleon.jobs.before_after import change
from guise.chameleon.visibility.lpips import NOT_MEASURED
from guise.cli import console
from guise.models.counting import counted
from guise.models.files import printable

_SETTINGS = {
    "clean": "original among originals",
    "1A": "original among protected",
    "2B": "protected among originals",
    "2A": "protected among protected",
}


def complain(report: VerificationReport) -> None:
    """Say on stderr what was not measured."""
    for name, reason in report.unmeasured.items():
        console.message(f"not measured: {printable(name)}: {reason}")
    if report.measured.no_retrieval:
        console.message(f"no rank-1 and recall: {report.measured.no_retrieval}")


def show(report: VerificationReport) -> None:
    """The report for a person, on stdout."""
    photos, total = report.photos, len(report.photos) + len(report.unmeasured)
    strangers = report.measured.strangers
    among = f" among {counted(len(strangers.embeddings[0]), 'stranger')}" if strangers else ""
    click.echo(f"{len(photos)} of {counted(total, 'photo')} measured{among}. Over the face:")
    rows = [
        _looks("SSIM", [photo.visibility.ssim for photo in photos], ".3f", worst=min),
        _looks("FLIP", [photo.visibility.flip for photo in photos], ".3f", worst=max),
        _looks("PSNR", [photo.psnr for photo in photos], ".1f", worst=min),
    ]
    distances = [photo.lpips for photo in photos if photo.lpips is not None]
    if distances:
        rows.append(_looks("LPIPS", distances, ".3f", worst=max))
    console.table(rows)
    if not distances:
        click.echo(f"LPIPS: {NOT_MEASURED}")
    for recogniser in report.recognisers:
        saved = recogniser.saved
        lost = f"; no face found in {counted(saved.undetected, 'copy', 'copies')}" if saved.undetected else ""
        click.echo(f"\n{recogniser.name}: similarity {change(recogniser.similarity, saved.similarity)}{lost}")
        if saved.settings:
            click.echo("Matched, in percent (lower is better protected):")
            console.table([_setting(name, scores) for name, scores in saved.settings.items()])
        if len(recogniser.versions) > 1:
            click.echo()
            console.table([_version(name, version) for name, version in recogniser.versions.items()])
    if report.picture is not None:
        click.echo(f"\nbefore/after: {printable(report.picture)}")
    if report.page is not None:
        click.echo(f"report: {printable(report.page)} - private: it shows your originals")


def _looks(name: str, values: list[float], form: str, *, worst: Any) -> dict[str, str]:
    return {"": name, "mean": format(fmean(values), form), "worst": format(worst(values), form)}


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _setting(name: str, scores: Scores) -> dict[str, str]:
    row = {"setting": name, "searched": _SETTINGS[name]}
    if scores.recall is not None:
        row |= {"rank-1": _percent(scores.rank1), "recall": _percent(scores.recall)}
    row["linked"] = _percent(scores.linked)
    return row | {f"FAR {far}": _percent(share) for far, share in scores.linked_at_far.items()}


def _version(name: str, version: VersionReport) -> dict[str, str]:
    """Recall, or where there are no strangers the share of pairs still linked."""
    row = {"after": name, "similarity": "" if version.similarity is None else f"{version.similarity:.2f}"}
    for setting in ("1A", "2B", "2A"):
        scores = version.settings.get(setting)
        kind = "linked" if scores is None or scores.recall is None else "recall"
        row[f"{kind} {setting}"] = "" if scores is None else _percent(getattr(scores, kind))
    return row | {"not found": str(version.undetected)}
