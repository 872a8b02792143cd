"""Writing the privacy report of a run into its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guise.dpaf.accounting.accountants import delta_pld, epsilon_pld
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.report import PrivacyReport, privacy_report, spending
from guise.dpaf.baseline.classifier import KIND
from guise.dpaf.jobs.watching import SAMPLES
from guise.dpaf.pages.render import render
from guise.dpaf.pages.report import report_page
from guise.dpaf.synthesis.card import evaluation_lines
from guise.dpaf.training.run_folder import RunFolder
from guise.models.errors import InputError
from guise.models.files import atomic_write, printable
from guise.models.files.pictures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_FILES = ("privacy.json", "privacy.md", "privacy.png", "report.html")


def report_of(folder: RunFolder) -> PrivacyReport:
    """The report of a run as it stands. Nothing is written.

    Args:
        folder: of the run.

    Raises:
        InputError: the kept audit is damaged.
        LedgerError: the ledger was edited.
    """
    settings = folder.settings()
    return privacy_report(
        settings.privacy,
        folder.ledger(),
        data=settings.data,
        records=settings.records,
        classes=settings.classes,
        audit=folder.audit(),
        unit=settings.unit,
    )


def report_run(folder: RunFolder, *, evaluation: Path | None = None, page: Path | None = None) -> PrivacyReport:
    """Write privacy.json, privacy.md, privacy.png and report.html into the folder of a run.

    Args:
        folder: of the run.
        evaluation: file of what `Evaluation.to_json` gave: its figures go into the page. They come from real images, so
            that page must lie elsewhere.
        page: an HTML file to write in the place of report.html.

    Raises:
        InputError: the kept audit or the evaluation is damaged, or the page would lie in the run's folder.
        LedgerError: the ledger was edited.
        OutputError: a file cannot be written.
    """
    figures = None if evaluation is None else read_evaluation(evaluation)
    if figures is not None and (page is None or page.resolve().is_relative_to(folder.path.resolve())):
        what = "figures of an evaluation come from real images, and the run's folder may be published"
        raise InputError(f"{what}: name a page elsewhere with `page=`")
    report, settings = report_of(folder), folder.settings()
    encoded, text, picture, html = (folder.path / name for name in REPORT_FILES)
    figure = privacy_figure(folder.ledger())
    save_figure(figure, picture)
    sheet = folder.path / SAMPLES
    shown = report_page(
        report,
        accounting=figure,
        samples=sheet.read_bytes() if sheet.is_file() else None,
        evaluation=figures,
        classifier=settings.kind == KIND,
    )
    for path, content in ((encoded, report.to_json()), (text, report.to_markdown()), (page or html, render(shown))):
        with atomic_write(path) as file:
            file.write(content.encode("utf-8", "replace") + b"\n")
    return report


def read_evaluation(path: Path) -> Mapping[str, Any]:
    """What `guise dpaf evaluate --json` printed, from a file.

    Args:
        path: of the file.

    Raises:
        InputError: it is no such file.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        evaluation_lines(values)  # whatever it lacks, it lacks now
        float(values["mean"]), [*values["classes"]], [*values["networks"][0]["by_class"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        where = printable(path)
        raise InputError(f"{where} is no evaluation: give what `guise dpaf evaluate RUN --json` printed") from None
    assert isinstance(values, dict)
    return values


def privacy_figure(ledger: Ledger) -> Figure:
    """How epsilon grew with the releases, and the delta that goes with each epsilon.

    Args:
        ledger: of the run.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    releases, epsilons = zip(*spending(ledger), strict=True)
    left.plot(releases, epsilons, marker=".")
    left.axhline(ledger.epsilon, linestyle="--", color="grey", label=f"budget {ledger.epsilon:g}")
    left.set(xlabel="releases charged", ylabel=f"epsilon at delta {ledger.delta:g}", ylim=(0, None))
    left.legend()
    spent = ledger.spent()
    if spent:
        at = [1.5 * epsilon_pld(spent, ledger.delta) * step / 40 for step in range(41)]
        profile = [(epsilon, delta) for epsilon, delta in zip(at, delta_pld(spent, at), strict=True) if delta > 0]
        right.plot(*zip(*profile, strict=True))
        right.axhline(ledger.delta, linestyle="--", color="grey")
    right.set(xlabel="epsilon", ylabel="delta", yscale="log")
    return figure
