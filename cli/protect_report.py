"""What `protect` says to a person: the plan of a dry run, and the report of a run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import click

from guise.chameleon import PhotoResult, ProtectionPlan, ProtectionReport
from guise.chameleon.jobs.before_after import by_whom, change
from guise.chameleon.visibility.lpips import NOT_MEASURED
from guise.cli import console
from guise.models.counting import counted
from guise.models.files import printable

_FEW_PHOTOS = 8


def show_plan(plan: ProtectionPlan, *, as_json: bool) -> None:
    """What a run would do."""
    if as_json:
        console.show_json(plan.to_json())
        return
    console.table([{name: str(value) for name, value in row.items()} for row in plan.rows])
    first = "learn a mask and " if plan.learn else ""
    console.message(f"Would {first}write the protected copies to {printable(plan.out)}. Nothing was written.")


def show(report: ProtectionReport) -> None:
    """What a run did."""
    show_photos(report.photos)
    where = f" in {printable(report.out)}" if report.protected else ""
    videos = any(result.video for result in report.photos)
    kinds = ("video", "photos and videos") if videos else ("photo", "photos")
    lines = [f"\n{len(report.protected)} of {counted(len(report.photos), *kinds)} protected{where}"]
    if not report.protected:
        lines += [] if report.page is None else [f"  report        {printable(report.page)}"]
        click.echo("\n".join(lines))
        return
    lines += _summary(report)
    if report.picture is not None:
        lines.append(f"  before/after  {printable(report.picture)}")
    if report.page is not None:
        lines.append(f"  report        {printable(report.page)} - private: it shows your originals")
    made = report.key.provenance
    lines += [
        f"  key           {printable(report.key_file)} - private: it takes the mask off and shows who you are",
        f"  records       {printable(report.restore_records)} - keep next to the key: exact restoration needs both",
        *([report.measured_by] if report.recognisers else []),
        "`guise verify --recogniser NAME` measures with others. Do not post the originals next to the copies.",
    ]
    if made.photos < _FEW_PHOTOS:
        learnt = counted(made.photos, "photo")
        lines.append(f"The mask was learnt on {learnt}: with 12 or more it holds better on new ones.")
    click.echo("\n".join(lines))


def show_photos(results: Sequence[PhotoResult]) -> None:
    """What became of each photo, as a table."""
    with_lpips = any(face.lpips is not None for result in results for face in result.faces)
    console.table([_row(result, with_lpips=with_lpips) for result in results])


def _summary(report: ProtectionReport) -> list[str]:
    faces = [face for result in report.photos for face in result.faces]
    if not faces:
        return []
    after = [face.similarity_after for face in faces if face.similarity_after is not None]
    before = sum(face.similarity_before for face in faces) / len(faces)
    shown = f"{sum(after) / len(after):.2f}" if after else "no face found"
    ssim, flip = min(face.visibility.ssim for face in faces), max(face.visibility.flip for face in faces)
    distances = [face.lpips for face in faces if face.lpips is not None]
    measured = (
        f"{fmean(distances):.3f} on average, {max(distances):.3f} on the worst face" if distances else NOT_MEASURED
    )
    return [
        f"  similarity    {before:.2f} -> {shown} by {printable(report.recognisers[0])}",
        f"  still linked to you: {report.still_linked}",
        f"  looks         SSIM {ssim:.3f}, FLIP {flip:.3f} on the worst face",
        f"  LPIPS         {measured}",
    ]


def _row(result: PhotoResult, *, with_lpips: bool) -> dict[str, str]:
    faces = result.faces
    distances = ", ".join("" if face.lpips is None else f"{face.lpips:.3f}" for face in faces)
    return {
        "photo": result.photo,
        "status": result.status,
        "similarity": ", ".join(change(face.similarity_before, face.similarity_after) for face in faces),
        "linked by": by_whom(result.linked_by) if faces else "",
        "SSIM": ", ".join(f"{face.visibility.ssim:.3f}" for face in faces),
        "FLIP": ", ".join(f"{face.visibility.flip:.3f}" for face in faces),
        **({"LPIPS": distances} if with_lpips else {}),
        "note": result.reason or "; ".join(result.notes),
    }
