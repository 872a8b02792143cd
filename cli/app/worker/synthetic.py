"""Jobs of the tab of synthetic images."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guise import dpaf
from guise.cli.app.worker.pictures import VIEW, draw
from guise.models.errors import InputError
from guise.models.files import printable, read_photo

_BETWEEN = 2.0  # seconds between looks at the sheet of samples
_SAMPLES = "samples.png"


class _ShownError(Exception):
    """The plan was shown, and nothing is to be spent yet."""


class SyntheticJobs:
    """Plans, trains and shows runs."""

    def __init__(self, send: Any) -> None:
        """Start with nothing.

        Args:
            send: called with the name of an event and its values, which become JSON.
        """
        self._send = send
        self._drawn, self._looked = 0, 0.0

    def do(self, job: dict[str, Any]) -> None:
        """Do one job.

        Args:
            job: `do` says what: "plan", "train", "open" or "draw"; the rest is what the tab gives.

        Raises:
            GuiseError: as the library raises it.
            KeyboardInterrupt: it was stopped.
        """
        self._drawn, self._looked = 0, 0.0  # the page shows no sheet yet
        {"plan": self._plan, "train": self._train, "open": self._open, "draw": self._draw}[job["do"]](job)

    def _plan(self, job: dict[str, Any]) -> None:
        plans: list[dpaf.Plan] = []

        def show(plan: dpaf.Plan) -> None:
            plans.append(plan)
            raise _ShownError

        try:
            dpaf.train(
                job["data"],
                epsilon=job["epsilon"],
                minutes=job["minutes"],
                out=job["out"],
                on_plan=show,
                **self._watch(),
            )
        except _ShownError:
            self._send("plan", **_told(plans[0]), account=_account(job["data"]))

    def _train(self, job: dict[str, Any]) -> None:
        """Train as the user agreed to: another plan than the one they saw is refused."""
        out = Path(job["out"])

        def check(plan: dpaf.Plan) -> None:
            told, agreed = _told(plan), job["plan"]
            if any(told[part] != agreed[part] for part in ("epsilon", "delta", "records", "classes", "phases")):
                raise InputError("the images have changed since the plan was shown: make a new plan")

        def announce(text: str) -> None:
            self._send("told", text=text)
            self._show_spending(out)

        def progress(what: str, done: int, total: int) -> None:
            self._send("progress", what=what, done=done, total=total)
            self._show_samples(out, job)

        how: dict[str, Any] = {"epsilon": job["epsilon"], "minutes": job["minutes"], "on_plan": check}
        if job["resume"]:
            how = {"resume": True}
        dpaf.train(job["data"], out=out, progress=progress, announce=announce, **how)
        self._finish(out, job)

    def _open(self, job: dict[str, Any]) -> None:
        out = Path(job["out"])
        spending = dpaf.open_run(out).spending()
        self._show_spending(out)
        self._show_samples(out, job)
        if all(part.charged == part.phase.steps for part in spending.phases) and (out / _SAMPLES).exists():
            self._finish(out, job)
        else:
            self._send("open")

    def _draw(self, job: dict[str, Any]) -> None:
        drawn = dpaf.open_run(job["out"]).sample(job["count"], **self._watch())
        drawn.save(job["folder"])
        self._send("drawn", folder=job["folder"], count=job["count"])

    def _finish(self, out: Path, job: dict[str, Any]) -> None:
        self._looked = 0.0
        self._show_samples(out, job)
        self._show_spending(out)
        report = dpaf.open_run(out).report()
        self._send("done", text=report.to_markdown(), picture=_view(out / "privacy.png", job))

    def _watch(self) -> dict[str, Any]:
        return {
            "progress": lambda what, done, total: self._send("progress", what=what, done=done, total=total),
            "announce": lambda text: self._send("told", text=text),
        }

    def _show_spending(self, out: Path) -> None:
        spending = dpaf.open_run(out).spending()
        self._send("spent", spent=spending.spent, epsilon=spending.epsilon, delta=spending.delta)

    def _show_samples(self, out: Path, job: dict[str, Any]) -> None:
        """Show the sheet of samples when the run has drawn a new one."""
        now, sheet = time.monotonic(), out / _SAMPLES
        if self._looked and now - self._looked < _BETWEEN:
            return
        self._looked = now
        if sheet.exists() and (changed := sheet.stat().st_mtime_ns) != self._drawn:
            self._drawn = changed
            self._send("samples", picture=_view(sheet, job))


def _view(picture: Path, job: dict[str, Any]) -> str:
    """Draw a picture for the page, under a name of this version's own: a browser would take another for it."""
    name = f"{picture.stem}-{picture.stat().st_mtime_ns}.png"
    draw(read_photo(picture).pixels, Path(job["views"]) / name, longest=VIEW)
    return name


def _told(plan: dpaf.Plan) -> dict[str, Any]:
    """A plan as plain values."""
    values = asdict(plan)
    phases = [
        {"name": part.phase.name, "steps": part.phase.steps, "epsilon": part.epsilon, "batch": part.expected_batch}
        for part in plan.phases
    ]
    kept = ("epsilon", "delta", "records", "size", "channels", "classes", "seconds")
    return {**{name: values[name] for name in kept}, "phases": phases, "text": str(plan)}


def _account(data: str) -> dict[str, Any] | None:
    """What earlier runs on these images have reserved together."""
    known = dpaf.DatasetBudgets().identify(dpaf.load(data).digest)
    for account in dpaf.accounts().accounts:
        if account.dataset == known:
            runs = [printable(run) for run in account.runs]
            return {"runs": runs, "reserved": account.epsilon_reserved, "budget": account.epsilon}
    return None
