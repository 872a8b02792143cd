"""What to measure, and the digest by which runs that may give different numbers are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from benchmarks.enlarging import AS_THEY_ARE, Enlargement
from benchmarks.judges import Judge
from guise.chameleon.learning.key import Learning
from guise.chameleon.learning.learn import LearningSettings
from guise.models import Recogniser
from guise.models.files import settings_hash

AS_LEARNT = "as-learnt"
"""In place of a strength: the mask is put on as learnt, whatever is seen of it."""

Method = Literal["ours", "mask", "paper", "opom", "none"]
"""What `protect` does; the user's mask alone, on all photos; the published procedure; OPOM with the class centre;
no mask, to tell what processing alone does to recognition."""


USUAL_DATA = "lfw"
"""Tables name other folders only."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        surrogates: to learn against, together.
        method: how masks are made.
        steps: updates of the user's mask, where it is ours.
        refine: updates of each photo's, with the method "ours".
        learn_at: strength to learn for, "" for the one at which it is applied.
        seed: of the choice of people and of learning.
        judges: by name, each with the strangers as it sees them.
        users: the people to protect, by a digest of their photos' names.
        robust: judge also what software on the way makes of the photos.
        attack: judge also what opponents make of them.
        without: part of our procedure to do without, of `benchmarks.ablation`.
        enlargement: what is done to the users' photos first.
        pairs: protect the photos that were learnt on as well, and count the linked pairs among all photos.
        data: name of the folder that the users come from.
        patience: how often a photo that is still linked is fitted again; None leaves it to `protect`.
    """

    surrogates: Sequence[Recogniser]
    method: Method
    steps: int
    refine: int
    learn_at: str
    seed: int
    judges: dict[str, tuple[Judge, np.ndarray]]
    users: str
    robust: bool = False
    attack: bool = False
    without: str = ""
    enlargement: Enlargement = AS_THEY_ARE
    pairs: bool = False
    data: str = USUAL_DATA
    patience: int | None = None

    @property
    def label(self) -> str:
        """The way of learning, as the tables call it."""
        photos = [*([self.data] if self.data != USUAL_DATA else []), self.enlargement.label]
        return ", ".join([self._how, *filter(None, photos)])

    @property
    def _how(self) -> str:
        if self.method == "none":
            return "no mask"
        names = " + ".join(surrogate.record.name for surrogate in self.surrogates)
        steps = {"ours": f"ours, {self.steps} steps + {self.refine} a photo", "mask": f"mask alone, {self.steps} steps"}
        how = steps.get(self.method, self.method)
        how += "" if self.patience is None else f" and again {self.patience} times"
        how += f", without {self.without}" if self.without else ""
        return f"{how}: {names}" + (f", at {self.learn_at}" if self.learn_at else "")

    @property
    def digest(self) -> str:
        """Two plans that may give different numbers with the same code differ in it; lines name their code.

        Threads decide on how sums are rounded, which some users' masks turn on.
        """
        # Named only where they are used, so that earlier lines stay valid.
        photos = {"enlargement": [self.enlargement.scale, self.enlargement.noise]} if self.enlargement.label else {}
        pairs = {"pairs": True} if self.pairs else {}
        patience = {} if self.patience is None else {"patience": self.patience}
        return settings_hash(
            {
                **photos,
                **pairs,
                **patience,
                "surrogates": [[surrogate.record.name, surrogate.record.sha256] for surrogate in self.surrogates],
                "method": self.method,
                "steps": self.steps,
                "refine": self.refine,
                "learn_at": self.learn_at,
                "seed": self.seed,
                "threads": torch.get_num_threads(),
                "users": self.users,
                "judges": {name: [judge.weights, len(seen)] for name, (judge, seen) in self.judges.items()},
                "versions": [self.robust, self.attack],
                "without": self.without,
            }
        )

    @property
    def learnt(self) -> str:
        """What keys depend on, apart from the code, the photos, the method and the strength."""
        named = [surrogate.record.name for surrogate in self.surrogates]
        parts = [named, self.steps, self.seed, self.method, self.enlargement.label, self.without]
        return settings_hash({"learnt": parts})[:12]

    def learning(self, strength: str) -> Learning:
        """How to learn for photos protected at `strength`."""
        preset: Literal["guise", "paper"] = "paper" if self.method in ("paper", "opom") else "guise"
        settings = LearningSettings(steps=self.steps)
        return Learning(self.surrogates, preset, self.learn_at or strength, self.seed, settings)
