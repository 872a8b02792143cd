"""How to learn, as the user asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from guise.chameleon.jobs.networks import several
from guise.chameleon.learning.key import Learning
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.mask.key import Key
from guise.chameleon.visibility.budget import budget_of
from guise.models import Recogniser
from guise.models.errors import InputError
from guise.models.recognisers import registry
from guise.models.recognisers.teams import NamedTeam, named

Preset = Literal["guise", "paper"]


@dataclass(frozen=True)
class LearningOptions:
    """How to learn a mask. None is the default, which tells what the user asked for from what they left open.

    Attributes:
        strength: how visible the mask may be: "low", "mid" (default) or "high".
        recognisers: what to learn against: names of `guise models list`, "file:PATH", or loaded ones; by default
            the team that comes with the installation.
        preset: "guise" (default), or "paper" for the published procedure.
        seed: of every random choice; by default 0.
        settings: of our procedure, for measurements.
        team: "default", or "wide" for what is here of other kinds as well (`guise.models.recognisers.teams`); in place
            of `recognisers`.

    Raises:
        InputError: a value is not known or out of range.
    """

    strength: str | None = None
    recognisers: Sequence[str | Recogniser] | None = None
    preset: Preset | None = None
    seed: int | None = None
    settings: LearningSettings | None = None
    team: str | None = None

    def __post_init__(self) -> None:
        if self.team is not None:
            named(self.team)
            if self.recognisers:
                raise InputError(
                    f"`team={self.team}` and `recognisers=` both say what to learn against: give one of them"
                )
        if self.strength is not None:
            budget_of(str(self.strength))
        if self.preset not in (None, "guise", "paper"):
            raise InputError(f"`preset={self.preset}` is not known: use guise or paper")
        if self.seed is not None and (type(self.seed) is not int or not 0 <= self.seed < 2**63):
            raise InputError(f"`seed={self.seed}` is out of range: give a whole number from 0 to 2**63 - 1")

    @property
    def surrogates(self) -> Sequence[str | Recogniser]:
        """What to learn against."""
        return several(self.recognisers) or named(self.team or "default").members

    @property
    def named_team(self) -> NamedTeam | None:
        """The team to learn against; None where its members are named one by one."""
        return None if several(self.recognisers) else named(self.team or "default")

    def learning(self, surrogates: Sequence[Recogniser]) -> Learning:
        """The options, with their defaults, and the recognisers that they name.

        Args:
            surrogates: the recognisers to learn against, loaded.

        Returns:
            How to learn.
        """
        settings = self.settings or LearningSettings()
        return Learning(surrogates, self.preset or "guise", self.strength or "mid", self.seed or 0, settings)

    def without_effect(self, key: Key) -> list[str]:
        """The options that were asked for and that do nothing, since the mask is learnt already.

        Args:
            key: the user's.

        Returns:
            Their names, as messages give them.
        """
        given = [f"`{name}=`" for name in ("recognisers", "team", "preset", "seed") if getattr(self, name) is not None]
        own = all(not isinstance(name, str) or name.startswith("file:") for name in self.surrogates)
        if own and set(key.provenance.recognisers) - set(registry.RECORDS):
            return [name for name in given if name != "`recognisers=`"]  # photos are fitted against them
        return given
