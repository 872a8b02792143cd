"""Learn a user's key from a folder of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.survey import Chooser, Progress, Survey, portraits
from guise.chameleon.learning import paper
from guise.chameleon.learning.identity import Identity, Person
from guise.chameleon.learning.learn import LearningSettings, learn_mask
from guise.chameleon.learning.views import aligned
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.visibility.budget import budget_of
from guise.models import Recogniser


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


def learn_key(folder: Path, found: Survey, chooser: Chooser, how: Learning, *, progress: Progress | None = None) -> Key:
    """Learn a mask from the user's faces in `folder`.

    Raises:
        FaceError: the user's face is in none of the photos.
    """
    faces = portraits(folder, found, chooser)
    report = None if progress is None else partial(progress, "learning the mask")
    if how.preset == "paper":
        mask = paper.learn_mask(faces, how.recognisers, seed=how.seed, progress=report)
    else:
        mask = learn_mask(
            faces,
            how.recognisers,
            budget=budget_of(how.strength),
            one_person=chooser.person is not None,
            settings=how.settings,
            seed=how.seed,
            progress=report,
        )
    persons = _persons(faces, how.recognisers) if chooser.person is not None and how.preset == "guise" else {}
    return Key(mask, chooser.owner, provenance(how, photos=len(faces)), chooser.which, persons)


def provenance(how: Learning, *, photos: int) -> Provenance:
    """What a key says about learning like this, on so many photos."""
    ours = how.preset == "guise"
    return Provenance(
        recognisers=tuple(recogniser.record.name for recogniser in how.recognisers),
        preset=how.preset,
        strength=how.strength if ours else "as published",
        photos=photos,
        steps=how.settings.steps if ours else paper.EPOCHS,
        seed=how.seed,
        guise=version("guise"),
        weights={one.record.name: one.record.sha256 for one in how.recognisers if one.record.sha256 is not None},
    )


def _persons(faces: Sequence[Portrait], recognisers: Sequence[Recogniser]) -> dict[str, Person]:
    """The user in the eyes of each recogniser."""
    persons = {}
    for recogniser in recognisers:
        record = recogniser.record
        crops = aligned(faces, np.array(record.template), size=record.input_size)
        persons[record.name] = Identity.of(recogniser, crops.to(recogniser.mean.device)).person()
    return persons
