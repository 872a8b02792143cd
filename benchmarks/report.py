"""What a run measured: a file with a line for each user, and the means over users in JSON and Markdown."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import pairs
from benchmarks.curves import draw_curves
from benchmarks.provenance import environment
from benchmarks.scoring import SAVED
from benchmarks.visibility_ruler import MEASURES, VIEWS, worst
from guise.models.files import atomic_write

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
            **{view: _visibility([line.get(view) or {} for line in group]) for view in VIEWS},
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
    "apply_cpu_seconds": "of cores, s a photo",
}
_FAR = ("1e-2", "1e-3")
_VIEWS = {"screen": "on a screen", "full": "at 100 %"}
_RULED = {
    "ssim": "SSIM",
    "flip": "FLIP",
    "flip_p99": "FLIP, 99th percentile",
    "fleck_p99": "fleck, 99th percentile",
    "fleck_max": "largest fleck",
    "area": "changed area, %",
}
_BESIDE = {"ssim": "SSIM", "flip": "FLIP", "fleck_p99": "fleck"}  # next to recall


def _visibility(users: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By measure of the ruler: mean over users, and the worst of all their photos."""
    return {
        name: {**spread(of[name]["mean"] for of in known), "worst": worst(name, [of[name]["worst"] for of in known])}
        for name in MEASURES
        if (known := [of for of in users if name in of])
    }


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
    counted = pairs.pooled(verdict["pairs"] for verdict in verdicts if "pairs" in verdict)
    return {"no_face": spread(verdict["no_face"] for verdict in verdicts), **measures, "pairs": counted}


def markdown(summary: Sequence[dict[str, Any]]) -> str:
    """Tables: who is still recognised, after what, and what it costs; mean ± standard deviation between users."""
    recognised, verified, changed, costs, paired, ruled = [], [], [], [], [], []
    for entry in summary:
        start = [entry["learning"], entry["strength"]]
        beside = [_mean(entry["screen"].get(name), name) for name in _BESIDE]
        ruled += [
            [*start, shown, *(_mean_and_worst(entry[view][name], name) for name in _RULED)]
            for view, shown in _VIEWS.items()
            if entry[view]
        ]
        for judge, verdict in entry["judges"].items():
            name = judge + (" \\*" if verdict["white_box"] else "")
            for version, means in verdict["versions"].items():
                shares = [_percent(means["recall"][s]) for s in _SETTINGS[1:]]
                changed.append([*start, name, version, *shares, _percent(means["no_face"])])
                if means["pairs"]:
                    paired.append([*start, name, version, *beside, *pairs.cells(means["pairs"])])
            saved = verdict["versions"][SAVED]
            shares = [_percent(saved[measure][s]) for measure in ("recall", "rank1") for s in _SETTINGS]
            recognised.append([*start, name, *beside, *shares, _percent(saved["no_face"])])
            linked = [_percent(saved[f"linked@{far}"][s]) for far in _FAR for s in _PAIRS]
            verified.append([*start, name, *linked])
        costs.append([*start, str(entry["users"]), *(_cost(name, entry[name]) for name in _COSTS)])
    headings = [f"{measure} {setting}" for measure in ("recall", "rank-1") for setting in _SETTINGS]
    first = ["made by", "strength", "judge"]
    beside = [f"{name} {_VIEWS['screen']}" for name in _BESIDE.values()]
    parts = [
        "Still recognised, in percent: mean ± standard deviation between users, lower is better protected "
        "(\\* its weights were a surrogate)\n",
        _table([*first, *beside, *headings, "no face"], recognised),
        "\nPairs taken for one person's, in percent, at the threshold for a false accept rate\n",
        _table([*first, *(f"{_PAIRS[s]} at {far}" for far in _FAR for s in _PAIRS)], verified),
        "\nVisibility on all that the masks changed in the saved files, by a ruler with no code of ours: mean (worst "
        "photo). On a screen the whole photo fits into 1920 x 1080.\n",
        _table([*first[:2], "seen", *_RULED.values()], ruled),
        "\nVisibility in the boxes of the faces, and time\n",
        _table([*first[:2], "users", *_COSTS.values()], costs),
    ]
    if len(changed) > len(recognised):
        parts += [
            "\nRecall, in percent, after what software on the way and opponents make of the files\n",
            _table([*first, "photos", *(f"recall {s}" for s in _SETTINGS[1:]), "no face"], changed),
        ]
    if paired:
        parts += [
            "\nPairs of one person's photos that are still linked, at the threshold for a false accept rate, of all "
            "users' pairs together; photos that the mask was learnt on count too\n",
            _table([*first, "photos", *beside, *pairs.HEADINGS], paired),
        ]
    if any(entry["code_versions"] > 1 for entry in summary):
        parts.append("\nNote: the code changed between users; see `code` in the lines.\n")
    return "\n".join(parts)


def _cost(name: str, value: dict[str, float | None]) -> str:
    if name == "unprotected":
        return _percent(value)
    return _numbers(value, digits=1 if name == "learn_seconds" else 3)


def _mean(value: dict[str, float] | None, name: str) -> str:
    return "–" if value is None else _shown(value["mean"], name)


def _mean_and_worst(value: dict[str, float], name: str) -> str:
    return f"{_shown(value['mean'], name)} ({_shown(value['worst'], name)})"


def _shown(value: float, name: str) -> str:
    if name == "area":
        return f"{100 * value:.1f}"
    return f"{value:.1f}" if name.startswith("fleck") else f"{value:.3f}"


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
