"""Certificates as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guise.harmless.pictures.certificate import Certificate, Change


def certificate_row(name: str, certificate: Certificate) -> dict[str, str]:
    """A certificate as a row: changes of layer / output in each precision, SSIM to original and target.

    Args:
        name: of the picture.
        certificate: what was measured on it.

    Returns:
        Columns by name.
    """
    from guise.harmless.pictures.certificate import OUTPUT_ONLY

    row = {"name": name}
    for precision, change in certificate.changes.items():
        row[precision] = f"{_small(change.layer)} / {_small(change.output)}"
    changes = [change for change in certificate.changes.values() if change.output is not None]
    agreements = [change.top1 for change in changes if change.top1 is not None]
    row["top-1"] = "-" if not agreements else "same" if all(agreements) else "CHANGED"
    row["cosine"] = _worst_cosine(changes)
    row["SSIM"] = f"{certificate.to_original.ssim:.3f}"
    if certificate.to_target is not None:
        row["of target"] = f"{certificate.to_target.ssim:.3f}"
    row["read"] = "" if certificate.read is None else f"{certificate.read:.1%}"
    row["kept"] = "" if certificate.kept is None else f"{certificate.kept:.1%}"
    if certificate.approximate is not None and certificate.approximate.method != OUTPUT_ONLY:
        row["read"] = "approx."  # in full, if weakly
    return row


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:.0e}"


def _worst_cosine(changes: list[Change]) -> str:
    known = [change.cosine for change in changes if change.cosine is not None]
    return f"{min(known):.6f}" if known else "-"
