"""Recall against visibility, drawn: one line for each way of making masks, by each judge that took no part."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scoring import SAVED
from guise.models.files import atomic_write


def draw_curves(summary: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the curves as PNG; nothing where no judge took no part.

    Visibility is SSIM on all that changed, at screen size, where every line has it; else the SSIM of the face's box.
    """
    from matplotlib.figure import Figure

    summary = [entry for entry in summary if entry["ssim"]["mean"] is not None]
    on_screen = all("ssim" in entry["screen"] for entry in summary)
    seen = "SSIM at screen size, where changed" if on_screen else "SSIM of the face"
    judges = list(dict.fromkeys(j for e in summary for j, v in e["judges"].items() if not v["white_box"]))
    if not judges:
        return
    figure = Figure(figsize=(5 * len(judges), 12), layout="constrained")
    panels = figure.subplots(3, len(judges), squeeze=False, sharex=True, sharey=True)
    colours = {learning: f"C{at}" for at, learning in enumerate(dict.fromkeys(e["learning"] for e in summary))}
    for column, judge in enumerate(judges):
        for row, setting in enumerate(("1A", "2B", "2A")):
            axes = panels[row][column]
            axes.set(title=f"{judge}, {setting}", xlabel=seen, ylabel="recall, %", ylim=(0, 100))
            for learning, points in _curves(summary, judge, setting, on_screen=on_screen).items():
                axes.plot(*zip(*points, strict=True), marker="o", label=learning, color=colours[learning])
            axes.invert_xaxis() if not (row or column) else None
    if not any(axes.lines for axes in panels.flat):
        return  # too few photos for recall
    shown = dict(pair for axes in panels.flat for pair in zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", fontsize=8)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    with atomic_write(path) as file:
        file.write(drawn.getvalue())


def _curves(
    summary: Sequence[dict[str, Any]], judge: str, setting: str, *, on_screen: bool
) -> dict[str, list[tuple[float, float]]]:
    """By way of making masks: (SSIM, recall in percent) at each strength, from the least visible on."""
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry in summary:
        if judge in entry["judges"] and not entry["judges"][judge]["white_box"]:
            saved = entry["judges"][judge]["versions"][SAVED]
            recall = saved["recall"][setting]["mean"]
            if recall is not None:
                ssim = entry["screen"]["ssim"] if on_screen else entry["ssim"]
                curves[entry["learning"]].append((ssim["mean"], 100 * recall))
    return {learning: sorted(points, reverse=True) for learning, points in curves.items()}
