"""Writing the privacy report of a run into its folder."""

from __future__ import annotations

from pathlib import Path

from guise.dpaf.accounting.accountants import delta_pld, epsilon_pld
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.report import PrivacyReport, privacy_report, spending
from guise.dpaf.training.run_folder import RunFolder
from guise.models.files import atomic_write
from guise.models.files.pictures import save_figure

REPORT_FILES = ("privacy.json", "privacy.md", "privacy.png")


def report_run(folder: RunFolder) -> PrivacyReport:
    """Write privacy.json, privacy.md and privacy.png into the folder of a run.

    Args:
        folder: of the run.

    Raises:
        InputError: the kept audit is damaged.
        LedgerError: the ledger was edited.
        OutputError: a file cannot be written.
    """
    ledger, settings = folder.ledger(), folder.settings()
    report = privacy_report(
        settings.privacy,
        ledger,
        data=settings.data,
        records=settings.records,
        classes=settings.classes,
        audit=folder.audit(),
        unit=settings.unit,
    )
    encoded, text, picture = (folder.path / name for name in REPORT_FILES)
    for path, content in ((encoded, report.to_json()), (text, report.to_markdown())):
        with atomic_write(path) as file:
            file.write(content.encode() + b"\n")
    _draw(ledger, picture)
    return report


def _draw(ledger: Ledger, path: Path) -> None:
    """How epsilon grew with the releases, and the delta that goes with each epsilon."""
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
    save_figure(figure, path)
