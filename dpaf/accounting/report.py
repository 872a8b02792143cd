"""What a data owner publishes with synthetic images, so that others can check the claim."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from guise.dpaf.accounting.accountants import Phase, epsilon_pld, epsilon_rdp, second_opinion
from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.plan import Release, releases
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.accounting.unit import Unit

NOT_PRIVATE = "NOT PRIVATE: the noise comes from a seed (`unsafe_reproducible=`). Publish nothing of this run."
_SEEDED = NOT_PRIVATE.replace("`unsafe_reproducible=`", "--unsafe-reproducible")  # the report names the flag
_REFUTED = "NOT PRIVATE AS CLAIMED: the audit refutes the guarantee, see below. Publish nothing of this run."
_PUBLIC = (
    "the dataset's name",
    "the number of images (of people, where they are protected), which sets sampling rates and divisors",
    "the share of each class, once the feature means are released; divisors by class follow from it",
    "image size, channels and the classes' names",
    "sampling rates, numbers of steps, noise multipliers, norm bounds, network architectures and initial weights",
    "the scattering network and the random features (fixed, seen no data)",
)
_ASSUMPTIONS = (
    "the operating system's random bytes are unpredictable; from 256 bits of them, SHA-256 and Philox "
    "(128-bit keys) make each release's noise: a statistical generator, not a cryptographic one",
    "Gaussian noise is drawn in double precision and rounded to single; attacks on floating-point noise (Mironov 2012) "
    "are not excluded",
    "the code does what it says: the audit looks for bugs and cannot show that there are none",
)
_NOT_CHARGED = (
    "presets, learning rates and other settings, if they were chosen by looking at this very dataset",
    "all other runs on the same data: `guise dpaf ledger` shows what those that it knows of spend together",
    "the decision to publish this run rather than another",
)


@dataclass(frozen=True)
class PrivacyReport:
    """Everything needed to check the guarantee of a run. Holds nothing about any record.

    Attributes:
        values: the report as plain JSON values.
    """

    values: Mapping[str, Any]

    @property
    def private(self) -> bool:
        """Whether the guarantee holds as far as is known: no noise from a seed, and no audit that refutes it."""
        return bool(self.values["guarantee"]["private"])

    @property
    def epsilon(self) -> float:
        """The guarantee's epsilon."""
        return float(self.values["guarantee"]["epsilon"])

    @property
    def delta(self) -> float:
        """The guarantee's delta."""
        return float(self.values["guarantee"]["delta"])

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.values, indent=1)

    def to_markdown(self) -> str:
        """The report for people to read."""
        return _as_markdown(self.values)


def privacy_report(
    privacy: PrivacySettings,
    ledger: Ledger,
    *,
    data: str,
    records: int,
    classes: Sequence[str],
    audit: Audit | None = None,
    unit: Unit = Unit(),  # noqa: B008  (frozen)
) -> PrivacyReport:
    """The report of a run.

    Args:
        privacy: the run's settings.
        ledger: the run's, checked.
        data: what people call the dataset.
        records: the number of images, or of people.
        classes: names of the labels.
        audit: its result, if there was one.
        unit: whom the run protects.
    """
    spent, delta = ledger.spent(), ledger.delta
    cost = epsilon_pld(spent, delta) if spent else 0.0
    parts = releases(privacy, records=records, classes=len(classes))
    values = {
        "guarantee": {
            "private": not ledger.reproducible and (audit is None or audit.passed),
            "epsilon": ledger.epsilon,
            "delta": delta,
            "relation": unit.relation,
            "unit": unit.promise,
            "counted": unit.plural,
            "holds_for": "the whole run folder and everything made from it",
        },
        "accounting": {
            "epsilon_spent": cost,
            "accountant": f"dp-accounting {_version('dp-accounting')} (privacy loss distributions); this one binds",
            "second_opinion": {
                "epsilon_prv": second_opinion(spent, delta, first=cost),
                "epsilon_rdp": epsilon_rdp(spent, delta) if spent else 0.0,
                "accountant": f"Opacus {_version('opacus')}",
            },
            "planned": [asdict(phase) for phase in ledger.plan],
            "charged": [asdict(phase) for phase in spent],
            "ledger": {"entries": ledger.entries, "sha256_of_last_line": ledger.head},
        },
        "settings": asdict(privacy),
        "releases": {name: [asdict(release) for release in own] for name, own in parts.items()},
        "sampler": f"Poisson: each {unit.name} independently with the sampling rate; drawn anew for each step",
        "data": {"name": data, "records": records, "classes": list(classes)},
        "public": list(_PUBLIC),
        "not_charged": list(_NOT_CHARGED),
        "assumptions": list(_ASSUMPTIONS),
        "audit": None if audit is None else asdict(audit) | {"passed": audit.passed},
        "program": f"guise {_version('guise')}",
    }
    return PrivacyReport(values)


def spending(ledger: Ledger, *, points: int = 5) -> list[tuple[int, float]]:
    """Releases charged so far and the epsilon that they cost together, as a curve.

    A run makes its phases one after another, in the plan's order.

    Args:
        ledger: of the run.
        points: of the curve, in each phase.
    """
    curve = [(0, 0.0)]
    before: list[Phase] = []
    for phase in ledger.spent():
        for steps in sorted({max(1, phase.steps * part // points) for part in range(1, points + 1)}):
            so_far = [*before, replace(phase, steps=steps)]
            curve.append((sum(part.steps for part in so_far), epsilon_pld(so_far, ledger.delta)))
        before.append(phase)
    return curve


def _as_markdown(report: Mapping[str, Any]) -> str:
    guarantee, accounting, data = report["guarantee"], report["accounting"], report["data"]
    lines = [f"# Privacy report: {data['name']}", ""]
    if not guarantee["private"]:
        refuted = report["audit"] is not None and not report["audit"]["passed"]
        lines += [f"**{_REFUTED if refuted else _SEEDED}**", ""]
    else:
        lines += [
            f"**({guarantee['epsilon']:g}, {guarantee['delta']:g})-differential privacy.**",
            f"Relation: {guarantee['relation']}.",
            f"Unit: {guarantee['unit']}. Holds for {guarantee['holds_for']}.",
            "",
        ]
    lines += [
        "| phase | steps charged / planned | sampling rate | noise multiplier | releases of a step |",
        "|---|---|---|---|---|",
    ]
    charged = {phase["name"]: phase["steps"] for phase in accounting["charged"]}
    for phase in accounting["planned"]:
        steps = f"{charged.get(phase['name'], 0)} / {phase['steps']}"
        parts = "; ".join(str(Release(**release)) for release in report["releases"][phase["name"]])
        numbers = f"{phase['sampling_rate']:.5g} | {phase['noise_multiplier']:.5g}"
        lines.append(f"| {phase['name']} | {steps} | {numbers} | {parts} |")
    second = accounting["second_opinion"]
    prv = second["epsilon_prv"]
    resolved = f"{prv:.4f} (PRV)" if prv is not None else "PRV does not resolve so small an epsilon"
    lines += [
        "",
        f"Spent: epsilon {accounting['epsilon_spent']:.4f} by {accounting['accountant']}. {second['accountant']}: "
        f"{resolved}, {second['epsilon_rdp']:.4f} (Renyi, looser).",
        f"Ledger: {accounting['ledger']['entries']} entries; the last line's SHA-256 is "
        f"`{accounting['ledger']['sha256_of_last_line']}`.",
        f"Sampler: {report['sampler']}.",
        "",
    ]
    for title, name in (("Public", "public"), ("Not charged", "not_charged"), ("Assumptions", "assumptions")):
        lines += [f"## {title}", "", *(f"* {item}" for item in report[name]), ""]
    lines += ["## Audit", "", audit_line(report["audit"]), ""]
    return "\n".join(lines)


def audit_line(audit: dict[str, Any] | None) -> str:
    """What an audit found, in a sentence.

    Args:
        audit: as the report holds it; None where none was made.
    """
    if audit is None:
        return "None was made: `guise dpaf audit RUN`."
    claim = f"the claim of {audit['claimed']:.3f}"
    if audit["passed"]:
        verdict = f"within {claim}"
    elif audit["lower_bound"] > audit["claimed"]:
        verdict = f"the guarantee is FALSE: that exceeds {claim}"
    else:
        verdict = f"the guarantee is FALSE: at another delta, epsilon exceeds its claim by {audit['excess']:.3f}"
    runs = f"White-box, at the phase nearest to its claim, {audit['runs']} runs with a canary and as many without"
    bound = f"epsilon is at least {audit['lower_bound']:.3f} with confidence {audit['confidence']:g}"
    return f"{runs}: {bound}, where so many runs can show {audit['limit']:.3f} at most; {verdict}."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
