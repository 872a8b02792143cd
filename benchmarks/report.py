"""What a run measured: a file with a line for each user, and the means over users in JSON and Markdown."""

from __future__ import annotations

import io
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.provenance import environment
from guise.models.files import atomic_write

SAVED = "as saved"
"""The version of the protected photos that nothing has been done to."""
_SETTINGS = ("clean", "1A", "2B", "2A")
_PAIRS = {"clean": "clean", "1A": "1A, 2B", "2A": "2A"}  # a pair is the same pair from both sides
Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """All whole lines of a JSONL file."""
    lines = []
    for text in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:  # cut short by a kill
            continue
    return lines


def spread(values: Iterable[float | None]) -> dict[str, float | None]:
    """Mean over users, and the standard deviation between them, of the values that there are."""
    known = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(known) if known else None,
        "std": statistics.stdev(known) if len(known) > 1 else None,
    }


def summarise(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """One entry for each way of learning and strength, in the order of their first lines."""
    groups: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        groups[line["settings_hash"], line["strength"]].append(line)
    alike = Counter(label for label, _ in {(line["learning"], line["settings_hash"]) for line in lines})
    return [
        {
            # Runs with other people, judges or seeds make masks alike, and are told apart.
            "learning": label if alike[label] == 1 else f"{label} [{settings[:4]}]",
            "settings_hash": settings,
            "strength": strength,
            "users": len(group),
            "code_versions": len({line["code"] for line in group}),
            **{name: spread(line.get(name) for line in group) for name in _COSTS},
            "judges": {judge: _verdict(group, judge) for judge in group[0]["judges"]},
        }
        for (settings, strength), group in groups.items()
        for label in [group[0]["learning"]]
    ]


_COSTS = {
    "ssim": "SSIM",
    "flip": "FLIP",
    "psnr": "PSNR, dB",
    "lpips": "LPIPS",
    "unprotected": "photos left unprotected",
    "learn_seconds": "learning, s",
    "apply_seconds": "applying, s a photo",
}
_FAR = ("1e-2", "1e-3")


def _verdict(group: Sequence[Line], judge: str) -> dict[str, Any]:
    verdicts = [line["judges"][judge] for line in group]
    return {
        "white_box": verdicts[0]["white_box"],
        "versions": {
            name: _means([verdict["versions"][name] for verdict in verdicts if name in verdict["versions"]])
            for name in dict.fromkeys(name for verdict in verdicts for name in verdict["versions"])
        },
    }


def _means(verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over users of one version of the photos, by measure and setting."""
    settings = [verdict["settings"] for verdict in verdicts]
    measures: dict[str, Any] = {
        measure: {name: spread(scores.get(name, {}).get(measure) for scores in settings) for name in _SETTINGS}
        for measure in ("recall", "rank1")
    }
    for far in _FAR:
        measures[f"linked@{far}"] = {
            name: spread(scores.get(name, {}).get("linked_at_far", {}).get(far) for scores in settings)
            for name in _SETTINGS
        }
    return {"no_face": spread(verdict["no_face"] for verdict in verdicts), **measures}


def markdown(summary: Sequence[dict[str, Any]]) -> str:
    """Tables: who is still recognised, after what, and what it costs; mean ± standard deviation between users."""
    recognised, verified, changed, costs = [], [], [], []
    for entry in summary:
        start = [entry["learning"], entry["strength"]]
        for judge, verdict in entry["judges"].items():
            name = judge + (" \\*" if verdict["white_box"] else "")
            for version, means in verdict["versions"].items():
                shares = [_percent(means["recall"][s]) for s in _SETTINGS[1:]]
                changed.append([*start, name, version, *shares, _percent(means["no_face"])])
            saved = verdict["versions"][SAVED]
            shares = [_percent(saved[measure][s]) for measure in ("recall", "rank1") for s in _SETTINGS]
            recognised.append([*start, name, *shares, _percent(saved["no_face"])])
            linked = [_percent(saved[f"linked@{far}"][s]) for far in _FAR for s in _PAIRS]
            verified.append([*start, name, *linked])
        costs.append([*start, str(entry["users"]), *(_cost(name, entry[name]) for name in _COSTS)])
    headings = [f"{measure} {setting}" for measure in ("recall", "rank-1") for setting in _SETTINGS]
    first = ["made by", "strength", "judge"]
    parts = [
        "Still recognised, in percent: mean ± standard deviation between users, lower is better protected "
        "(\\* its weights were a surrogate)\n",
        _table([*first, *headings, "no face"], recognised),
        "\nPairs taken for one person's, in percent, at the threshold for a false accept rate\n",
        _table([*first, *(f"{_PAIRS[s]} at {far}" for far in _FAR for s in _PAIRS)], verified),
        "\nVisibility on the faces of the saved files, and time\n",
        _table([*first[:2], "users", *_COSTS.values()], costs),
    ]
    if len(changed) > len(recognised):
        parts += [
            "\nRecall, in percent, after what software on the way and opponents make of the files\n",
            _table([*first, "photos", *(f"recall {s}" for s in _SETTINGS[1:]), "no face"], changed),
        ]
    if any(entry["code_versions"] > 1 for entry in summary):
        parts.append("\nNote: the code changed between users; see `code` in the lines.\n")
    return "\n".join(parts)


def draw_curves(summary: Sequence[dict[str, Any]], path: Path) -> None:
    """Recall against visibility, one line for each way of making masks, by each judge that took no part."""
    from matplotlib.figure import Figure

    summary = [entry for entry in summary if entry["ssim"]["mean"] is not None]
    judges = list(dict.fromkeys(j for e in summary for j, v in e["judges"].items() if not v["white_box"]))
    if not judges:
        return
    figure = Figure(figsize=(5 * len(judges), 12), layout="constrained")
    panels = figure.subplots(3, len(judges), squeeze=False, sharex=True, sharey=True)
    colours = {learning: f"C{at}" for at, learning in enumerate(dict.fromkeys(e["learning"] for e in summary))}
    for column, judge in enumerate(judges):
        for row, setting in enumerate(("1A", "2B", "2A")):
            axes = panels[row][column]
            axes.set(title=f"{judge}, {setting}", xlabel="SSIM of the face", ylabel="recall, %", ylim=(0, 100))
            for learning, points in _curves(summary, judge, setting).items():
                axes.plot(*zip(*points, strict=True), marker="o", label=learning, color=colours[learning])
            axes.invert_xaxis() if not (row or column) else None
    shown = dict(pair for axes in panels.flat for pair in zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", fontsize=8)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    with atomic_write(path) as file:
        file.write(drawn.getvalue())


def _curves(summary: Sequence[dict[str, Any]], judge: str, setting: str) -> dict[str, list[tuple[float, float]]]:
    """By way of making masks: (SSIM, recall in percent) at each strength, from the least visible on."""
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry in summary:
        if judge in entry["judges"] and not entry["judges"][judge]["white_box"]:
            saved = entry["judges"][judge]["versions"][SAVED]
            recall = saved["recall"][setting]["mean"]
            if recall is not None:
                curves[entry["learning"]].append((entry["ssim"]["mean"], 100 * recall))
    return {learning: sorted(points, reverse=True) for learning, points in curves.items()}


def _cost(name: str, value: dict[str, float | None]) -> str:
    if name == "unprotected":
        return _percent(value)
    return _numbers(value, digits=1 if name == "learn_seconds" else 3)


def _percent(value: dict[str, float | None]) -> str:
    return _numbers({key: None if part is None else 100 * part for key, part in value.items()}, digits=1)


def _numbers(value: dict[str, float | None], *, digits: int) -> str:
    shown = [f"{part:.{digits}f}" for part in (value["mean"], value["std"]) if part is not None]
    return " ± ".join(shown) or "–"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write(out: Path, *, command: str, lines: Sequence[Line]) -> str:
    """Write results.json and results.md into `out`; the text of the latter."""
    summary = summarise(lines)
    commands = list(dict.fromkeys([*(line["command"] for line in lines if "command" in line), command]))
    versions = dict.fromkeys((line["commit"], line["code"]) for line in lines)
    code = [{"commit": commit, "code": digest} for commit, digest in versions]
    record = {"commands": commands, "versions_of_code": code, **environment(), "summary": summary}
    # One line a user: the tables are for people, these for programs.
    told = ",\n  ".join(json.dumps(line) for line in lines)
    results = f'{json.dumps(record, indent=1)[:-2]},\n "lines": [\n  {told}\n ]\n}}\n'
    text = markdown(summary)
    draw_curves(summary, out / "curves.png")
    for name, content in (("results.json", results), ("results.md", text)):
        with atomic_write(out / name) as file:
            file.write(content.encode())
    return text
