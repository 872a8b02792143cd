"""What a copy depends on apart from its original."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version

from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.protection.job import Job
from guise.models.files import settings_hash


def settings_of(job: Job, selector: FaceSelector, **more: object) -> str:
    """Hash it, for the log.

    Args:
        job: the folder, the key and how to protect.
        selector: selects the faces to protect.
        more: what counts besides, as plain JSON.

    Returns:
        The hash.
    """
    # The names are hashed: with others, version 0.1's finished copies would be written again. So would they be with a
    # bound on LPIPS that nobody asked for.
    bound = None if job.lpips is None else job.lpips.at_most
    return settings_hash(
        {
            "mask": job.key.mask.digest,
            "budget": None if job.budget is None else asdict(job.budget),
            "refiner": None if job.refiner is None else job.refiner.describe(),
            "faces": selector.whose.value,
            "owner": selector.template.mean.tolist(),
            "keep_metadata": job.keep_metadata,
            "guise": version("guise"),
            **({} if bound is None else {"lpips": bound}),
            **({} if job.refiner is None else {"patience": job.patience}),
            **more,
        }
    )
