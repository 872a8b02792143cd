"""The report of a run as a page: what is guaranteed, samples, how epsilon grew, what the images are worth."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from guise.dpaf.accounting.plan import Release
from guise.dpaf.accounting.report import PrivacyReport, audit_line
from guise.dpaf.pages.content import Page, Picture, Section, Table
from guise.dpaf.synthesis.card import NOT_PROTECTED, citation
from guise.models.files import printable
from guise.models.pages.content import Tile, Tone

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEMBERSHIP = (
    "A plain attack: of real images, those nearest to a released sample are taken for training images. On the diagonal "
    "nothing is told. Other attacks may do better; the guarantee bounds all of them."
)


def report_page(
    report: PrivacyReport,
    *,
    accounting: Figure,
    samples: bytes | None,
    evaluation: Mapping[str, Any] | None = None,
    classifier: bool = False,
) -> Page:
    """Put a page together.

    Args:
        report: of the run.
        accounting: how epsilon grew.
        samples: PNG of a sheet of samples; None where there is none.
        evaluation: what `Evaluation.to_json` holds; None leaves it out, and then the page may be published.
        classifier: whether the run is a baseline, which makes no images.
    """
    values = report.values
    guarantee, audit = values["guarantee"], values["audit"]
    name = printable(values["data"]["name"])
    promised = f"({guarantee['epsilon']:g}, {guarantee['delta']:g})-differentially private: {guarantee['relation']}."
    sections = [
        *_samples(samples, values["data"]["classes"]),
        Section("What is guaranteed", (f"Unit: {guarantee['unit']}. Holds for {guarantee['holds_for']}.",)),
        Section("What is not protected", items=(*NOT_PROTECTED, *values["not_charged"])),
        *(_worth(evaluation) if evaluation is not None else ()),
        Section(
            "What was released and what it cost",
            (_accounting(values["accounting"]),),
            (Picture(_picture(accounting), "Left: epsilon spent. Right: the delta that goes with each epsilon."),),
            (_releases(values),),
        ),
        Section("Audit", (audit_line(audit),)),
        Section("What is taken to be public", items=tuple(values["public"])),
        Section("What is assumed", items=tuple(values["assumptions"])),
        *([] if classifier else [Section("How to cite", tuple(line for line in citation(report) if line))]),
    ]
    return Page(
        f"Private classifier, trained on {name}" if classifier else f"Synthetic images in the place of {name}",
        promised if guarantee["private"] else "NOT PRIVATE: see below.",
        _warning(guarantee["private"], evaluation),
        _tiles(values, evaluation),
        tuple(sections),
    )


def _warning(private: bool, evaluation: Mapping[str, Any] | None) -> str:
    if not private:
        return "The run is not private: its noise comes from a seed, or its audit refutes the guarantee."
    if evaluation is not None:
        return (
            "Its figures come from real images, and the guarantee does not cover them. Where those are public, you may."
        )
    return ""


def _tiles(values: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> tuple[Tile, ...]:
    guarantee, audit, spent = values["guarantee"], values["audit"], values["accounting"]["epsilon_spent"]
    tone: Tone = "plain" if guarantee["private"] else "bad"
    tiles = [
        Tile(f"{guarantee['epsilon']:g}", f"epsilon; {spent:.4g} is spent", tone),
        Tile(f"{guarantee['delta']:g}", "delta", tone),
        Tile("one image" if guarantee["counted"] == "images" else "one person", "is protected"),
    ]
    if audit is None:
        tiles.append(Tile("no audit", "`guise dpaf audit` plays the adversary"))
    else:
        passed = audit["passed"]
        label = f"audit: epsilon is at least {audit['lower_bound']:.3g}"
        tiles.append(Tile("withstood" if passed else "REFUTED", label, "good" if passed else "bad"))
    if evaluation is not None:
        tiles.append(Tile(f"{evaluation['mean']:.1%}", "of real images are classified rightly, by training on these"))
    return tuple(tiles)


def _samples(sheet: bytes | None, classes: list[str]) -> tuple[Section, ...]:
    if sheet is None:
        return ()
    shown = ", ".join(map(printable, classes[:10]))
    columns = f"A column a class, from the left: {shown}." if len(classes) > 1 else "All are of one class."
    picture = Picture(_uri(sheet), f"Drawn at random, none was picked. {columns}", pixelated=True)
    return (Section("Samples", pictures=(picture,)),)


def _worth(evaluation: Mapping[str, Any]) -> tuple[Section, ...]:
    text = (
        f"Classifiers were trained on {evaluation['samples']} synthetic images and tested on "
        f"{evaluation['test_images']} real ones ({evaluation['protocol']} protocol)."
    )
    rows = []
    for network in [*evaluation["networks"], *([evaluation["baseline"]] if "baseline" in evaluation else [])]:
        auc = "" if network["auc"] is None else f"{network['auc']:.3f}"
        rows.append((network["network"], f"{network['accuracy']:.3f}", f"{network['balanced']:.3f}", auc))
    table = Table(("classifier", "accuracy", "balanced accuracy", "AUC"), tuple(rows))
    classes = Picture(_picture(_by_class(evaluation)), "Accuracy by class, of the first classifier.", wide=False)
    pictures, texts = [classes], [text]
    if "membership_attack" in evaluation:
        attack = evaluation["membership_attack"]
        texts.append(_MEMBERSHIP)
        caption = (
            f"Membership: area under the curve {attack['area']:.3f} ± {attack['margin']:.3f}, {attack['members']} "
            f"training images and {attack['others']} others."
        )
        pictures.append(Picture(_picture(_curve(attack)), caption, wide=False))
    return (Section("What the images are worth", tuple(texts), tuple(pictures), (table,)),)


def _accounting(accounting: Mapping[str, Any]) -> str:
    second, ledger = accounting["second_opinion"], accounting["ledger"]
    prv = second["epsilon_prv"]
    told = "does not resolve so small an epsilon" if prv is None else f"says {prv:.4f}"
    return (
        f"Spent: epsilon {accounting['epsilon_spent']:.4f} by {accounting['accountant']}. {second['accountant']} (PRV) "
        f"{told}. The ledger has {ledger['entries']} entries; the SHA-256 of its last line is "
        f"`{ledger['sha256_of_last_line']}`."
    )


def _releases(values: Mapping[str, Any]) -> Table:
    charged = {phase["name"]: phase["steps"] for phase in values["accounting"]["charged"]}
    rows = []
    for phase in values["accounting"]["planned"]:
        parts = "; ".join(str(Release(**release)) for release in values["releases"][phase["name"]])
        steps = f"{charged.get(phase['name'], 0)} of {phase['steps']}"
        rows.append((phase["name"], steps, f"{phase['sampling_rate']:.4g}", f"{phase['noise_multiplier']:.4g}", parts))
    return Table(("phase", "steps charged", "sampling rate", "noise multiplier", "releases of a step"), tuple(rows))


def _by_class(evaluation: Mapping[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    network = evaluation["networks"][0]
    names = [name if len(name) < 20 else f"{name[:18]}…" for name in evaluation["classes"][:30]]
    shares = [share or 0.0 for share in network["by_class"][:30]]
    figure = Figure(figsize=(5, max(2.2, 0.28 * len(names) + 0.9)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, shares, color="#2f5fd0")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="accuracy")
    return figure


def _curve(attack: Mapping[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(attack["false_positives"], attack["true_positives"], color="#2f5fd0")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey")
    axes.set(xlabel="others taken for members", ylabel="members found", xlim=(0, 1), ylim=(0, 1))
    return figure


def _picture(figure: Figure) -> str:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return _uri(file.getvalue())


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
