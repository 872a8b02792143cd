"""Learn a user's key from a folder of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey, cut_faces
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning import paper
from guise.chameleon.learning.crops import aligned
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.visibility.budget import budget_of
from guise.models import Recogniser
from guise.models.cores import all_cores
from guise.models.watching import Progress


@dataclass(frozen=True)
class Learning:
    """How to learn a mask.

    Attributes:
        recognisers: the surrogates.
        preset: "guise" (`guise.chameleon.learning.learn`) or "paper" (`guise.chameleon.learning.paper`).
        strength: name of the budget to learn for; the paper's procedure has its own.
        seed: of everything random.
        settings: of our procedure.
    """

    recognisers: Sequence[Recogniser]
    preset: Literal["guise", "paper"] = "guise"
    strength: str = "mid"
    seed: int = 0
    settings: LearningSettings = field(default_factory=LearningSettings)


def learn_key(
    folder: Path, survey: Survey, selector: FaceSelector, how: Learning, *, progress: Progress | None = None
) -> Key:
    """Learn a mask from the user's faces in a folder.

    Args:
        folder: where the photos are.
        survey: the folder's faces.
        selector: selects the user's.
        how: the procedure and its settings.
        progress: called after each update of the mask.

    Returns:
        The key, which is not saved yet.

    Raises:
        FaceError: the user's face is in none of the photos.
        ImageError: a photo can no longer be read.
        InputError: there is no such strength.
    """
    faces = cut_faces(folder, survey, selector)
    report = None if progress is None else partial(progress, "learning the mask")
    if how.preset == "paper":
        mask = paper.learn_mask(faces, how.recognisers, seed=how.seed, progress=report)
    else:
        mask = learn_mask(
            faces,
            how.recognisers,
            budget=budget_of(how.strength),
            one_person=selector.one_person,
            settings=how.settings,
            seed=how.seed,
            progress=report,
        )
    with all_cores():  # one thread an operation, so that templates are the same on any number of cores
        templates = _templates(faces, how.recognisers) if selector.one_person and how.preset == "guise" else {}
    # In how many of these photos others appear is no matter of the key's: it serves for other folders too.
    selector = replace(selector, other_photos=0)
    return Key(mask, selector, provenance(how, photos=len(faces)), templates)


def provenance(how: Learning, *, photos: int) -> Provenance:
    """Write down for a key how its mask was learnt.

    Args:
        how: the procedure and its settings.
        photos: number of photos it was learnt on.

    Returns:
        What the key says.
    """
    ours = how.preset == "guise"
    records = [recogniser.record for recogniser in how.recognisers]
    return Provenance(
        recognisers=tuple(record.name for record in records),
        preset=how.preset,
        strength=how.strength if ours else "as published",
        photos=photos,
        steps=how.settings.steps if ours else paper.EPOCHS,
        seed=how.seed,
        guise=version("guise"),
        weights={record.name: record.sha256 for record in records if record.sha256 is not None},
    )


def _templates(faces: Sequence[FaceCrop], recognisers: Sequence[Recogniser]) -> dict[str, FaceTemplate]:
    """The user's face template of each recogniser, by its name."""
    templates = {}
    for recogniser in recognisers:
        record = recogniser.record
        crops = aligned(faces, np.array(record.template), size=record.input_size)
        templates[record.name] = TargetTemplates.from_crops(recogniser, crops.to(recogniser.mean.device)).template()
    return templates
