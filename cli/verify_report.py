"""What `guise verify` shows: a table for people, JSON for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from guise.chameleon.evaluation.retrieval import Scores
from guise.chameleon.evaluation.verify import RecogniserReport, Report, VersionReport
from guise.cli import console
from guise.models.files import printable

_SETTINGS = {
    "clean": "original among originals",
    "1A": "original among protected",
    "2B": "protected among originals",
    "2A": "protected among protected",
}


def complain(report: Report) -> None:
    """Say on stderr what was not measured."""
    for name, reason in report.unmeasured.items():
        console.message(f"not measured: {printable(name)}: {reason}")
    if report.no_retrieval:
        console.message(f"no rank-1 and recall: {report.no_retrieval}")


def as_json(report: Report, picture: Path | None) -> dict[str, Any]:
    """The whole report; `psnr` is null where nothing changed."""
    strangers = report.strangers
    return {
        "photos": [
            {
                "photo": photo.photo,
                "ssim": photo.visibility.ssim,
                "flip": photo.visibility.flip,
                "psnr": photo.psnr if math.isfinite(photo.psnr) else None,
                "similarity": {
                    one.name: {"before": one.similarities[i], "after": one.saved.similarities[i]}
                    for one in report.recognisers
                },
            }
            for i, photo in enumerate(report.photos)
        ],
        "unmeasured": report.unmeasured,
        "strangers": strangers
        and {
            "faces": len(strangers.embeddings[0]),
            "unreadable": strangers.unreadable,
            "without_face": strangers.without_face,
            "left_out_as_the_users": strangers.users,
        },
        "no_retrieval": report.no_retrieval or None,
        "recognisers": [_recogniser_json(one) for one in report.recognisers],
        "picture": None if picture is None else str(picture),
    }


def _recogniser_json(one: RecogniserReport) -> dict[str, Any]:
    return {
        "name": one.name,
        "threshold": one.threshold,
        "far_thresholds": one.far_thresholds,
        "similarity_before": one.similarity,
        "versions": {
            name: {
                "undetected": version.undetected,
                "similarity": version.similarity,
                "settings": {setting: asdict(scores) for setting, scores in version.settings.items()},
            }
            for name, version in one.versions.items()
        },
    }


def show(report: Report, picture: Path | None) -> None:
    """The report for a person, on stdout."""
    photos, total = report.photos, len(report.photos) + len(report.unmeasured)
    among = f" among {len(report.strangers.embeddings[0])} strangers" if report.strangers else ""
    click.echo(f"{len(photos)} of {total} photos measured{among}. Over the face:")
    console.table(
        [
            _looks("SSIM", [photo.visibility.ssim for photo in photos], ".3f", worst=min),
            _looks("FLIP", [photo.visibility.flip for photo in photos], ".3f", worst=max),
            _looks("PSNR", [photo.psnr for photo in photos], ".1f", worst=min),
        ]
    )
    for one in report.recognisers:
        lost = f"; no face found in {one.saved.undetected} copies" if one.saved.undetected else ""
        click.echo(f"\n{one.name}: similarity {change(one.similarity, one.saved.similarity)}{lost}")
        if one.saved.settings:
            click.echo("Matched, in percent (lower is better protected):")
            console.table([_setting(name, scores) for name, scores in one.saved.settings.items()])
        if len(one.versions) > 1:
            click.echo()
            rows = [_version(name, version) for name, version in one.versions.items()]
            console.table(rows)
    if picture is not None:
        click.echo(f"\nbefore/after: {printable(picture)}")


def change(before: float, after: float | None) -> str:
    """Two similarities as text."""
    return f"{before:.2f} -> " + ("no face found" if after is None else f"{after:.2f}")


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
