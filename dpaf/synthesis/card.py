"""The card of a synthetic dataset: what it is, what is guaranteed and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guise.dpaf.accounting.report import NOT_PRIVATE, PrivacyReport
from guise.dpaf.accounting.settings import HEAD
from guise.models.files import printable

NOT_PROTECTED = (
    "what the data as a whole say: which classes there are, how frequent they are, what images of a class look like",
    "what else is known of a person, or follows from what is common to many",
    "the number of records, the images' size and the names of the classes, which are taken to be public",
)
"""Of differential privacy, in plain words."""
_NO_FIGURES = (
    "No figures are given. Those that compare with private images are not covered by the guarantee; measure on public "
    "images of the same kind with `guise dpaf evaluate`."
)


def card(report: PrivacyReport, *, size: int, channels: int, evaluation: Mapping[str, Any] | None = None) -> str:
    """Markdown with a header for Hugging Face's hub. Holds nothing about any record.

    Args:
        report: of the run that made the images.
        size: height and width of the images.
        channels: of the images.
        evaluation: what `Evaluation.to_json` holds, if it may be published; None says that there is none.
    """
    values, name = report.values, printable(report.values["data"]["name"])
    guarantee, accounting, data = values["guarantee"], values["accounting"], values["data"]
    kind = "colour" if channels == 3 else "grey"
    classes = ", ".join(map(printable, data["classes"]))
    label = "a classifier of the same run takes it for" if HEAD in values["releases"] else "it was asked to show"
    lines = [
        "---",
        f"pretty_name: {_quoted(f'Synthetic {name}')}",
        "task_categories: [image-classification]",
        "tags: [synthetic, differential-privacy]",
        "---",
        "",
        f"# Synthetic images in the place of {name}",
        "",
        f"Images of {size}x{size} pixels, {kind}, made by a generator that was trained under differential privacy on "
        f"{data['records']} {guarantee['counted']}. No image is of a real person or thing; its label is what {label}.",
        "",
        f"Classes: {classes}.",
        "",
        "## What is guaranteed",
        "",
    ]
    if guarantee["private"]:
        lines += [
            f"* **epsilon {guarantee['epsilon']:g}, delta {guarantee['delta']:g}**",
            f"* neighbours: {guarantee['relation']}",
            f"* unit: {guarantee['unit']}",
            f"* spent: epsilon {accounting['epsilon_spent']:.4f}, by {accounting['accountant']}",
            "* drawing more images from the same run costs nothing",
        ]
    else:
        refuted = values["audit"] is not None and not values["audit"]["passed"]
        lines.append("**Nothing: the audit refutes the guarantee.**" if refuted else f"**{NOT_PRIVATE}**")
    lines += ["", "## What is not protected", "", *(f"* {item}" for item in NOT_PROTECTED)]
    lines += [f"* {item}" for item in values["not_charged"]]
    lines += ["", "## What the images are worth", "", *evaluation_lines(evaluation)]
    lines += ["", "## How to cite", "", *citation(report), ""]
    return "\n".join(lines)


def evaluation_lines(evaluation: Mapping[str, Any] | None) -> list[str]:
    """The figures of an evaluation as a table.

    Args:
        evaluation: what `Evaluation.to_json` holds; None says that there is none.
    """
    if evaluation is None:
        return [_NO_FIGURES]
    lines = [
        f"Trained on {evaluation['samples']} of these images, tested on {evaluation['test_images']} real ones "
        f"({evaluation['protocol']} protocol). These figures come from real images; the guarantee does not cover them.",
        "",
        "| classifier | accuracy | balanced accuracy | AUC |",
        "|---|---|---|---|",
    ]
    for network in [*evaluation["networks"], *([evaluation["baseline"]] if "baseline" in evaluation else [])]:
        auc = "" if network["auc"] is None else f"{network['auc']:.3f}"
        lines.append(f"| {network['network']} | {network['accuracy']:.3f} | {network['balanced']:.3f} | {auc} |")
    return lines


def citation(report: PrivacyReport) -> list[str]:
    """How to name a synthetic dataset, so that others can check it.

    Args:
        report: of the run that made it.
    """
    values = report.values
    guarantee, ledger = values["guarantee"], values["accounting"]["ledger"]
    return [
        f"Synthetic images in the place of {printable(values['data']['name'])}, made with {values['program']} "
        f"(`guise dpaf`), epsilon {guarantee['epsilon']:g}, delta {guarantee['delta']:g}; its ledger has "
        f"{ledger['entries']} entries and SHA-256 `{ledger['sha256_of_last_line']}`.",
        "",
        "The method: Z. Lin et al., arXiv 2304.12185, in a form that is private; means of features after F. Harder, "
        "K. Adamczewski, M. Park, AISTATS 2021.",
    ]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
