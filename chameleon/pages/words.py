"""How visible a mask is, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from guise.chameleon.pages.content import Table
from guise.chameleon.visibility.budget import STRENGTHS, Budget, Visibility
from guise.chameleon.visibility.lpips import NOT_MEASURED
from guise.models.pages.content import Tile

_WORDS = {
    "low": "hard to see even in both pictures next to each other",
    "mid": "hardly seen in the copy alone, and seen by people who compare",
    "high": "seen by people who look for it",
}
_BEYOND = "seen at once"
_ROUNDING = 1.005  # of a bound: what a figure of three digits cannot tell
_MEANINGS = {
    "SSIM": "how alike the shapes are; 1 is equal",
    "FLIP": "how much people notice when one picture takes the other's place; 0 is nothing",
    "flecks": "how strong spots of another colour are; people notice about 2 and more",
    "largest fleck": "the strongest such spot",
    "LPIPS": "how different a network that learnt from people's judgement finds both; 0 is equal",
}


@dataclass(frozen=True)
class Looks:
    """How one face looks.

    Attributes:
        visibility: of its mask.
        lpips: None where it was not measured.
    """

    visibility: Visibility
    lpips: float | None


def in_words(visibility: Visibility) -> str:
    """Say how visible a mask is.

    Args:
        visibility: as measured.

    Returns:
        Half a sentence, by the strictest of the three budgets that holds.
    """
    for strength, words in _WORDS.items():
        if STRENGTHS[strength].spent(visibility) <= _ROUNDING:
            return words
    return _BEYOND


def sentence(faces: Sequence[Looks]) -> str:
    """Say how visible the masks on a photo are.

    Args:
        faces: of the photo, at least one.

    Returns:
        A sentence for the face that changed most, with its figures.
    """
    worst = max(faces, key=lambda face: STRENGTHS["mid"].spent(face.visibility))
    seen = worst.visibility
    figures = [f"SSIM {seen.ssim:.3f}", f"FLIP {seen.flip:.3f}", _flecks(seen)]
    figures += [] if worst.lpips is None else [f"LPIPS {worst.lpips:.3f}"]
    which = "The mask" if len(faces) == 1 else "The strongest mask"
    return f"{which} is {in_words(seen)}: {', '.join(figures)}."


def _flecks(seen: Visibility) -> str:
    usual, largest = f"{seen.fleck:.1f}", f"{seen.largest_fleck:.1f}"
    return f"flecks {usual}" if usual == largest else f"flecks {usual} to {largest}"


def worst_tile(faces: Sequence[Visibility]) -> Tile:
    """Say how visible masks are where they are seen most.

    Args:
        faces: of all photos, at least one.

    Returns:
        The lowest SSIM, as in `visibility_table`, and in words the mask that is seen most by all measures.
    """
    most_seen = max(faces, key=STRENGTHS["mid"].spent)
    lowest = min(face.ssim for face in faces)
    return Tile(f"SSIM {lowest:.3f}", f"on the worst face; the strongest mask is {in_words(most_seen)}")


def visibility_table(faces: Sequence[Looks], budget: Budget | None) -> Table:
    """Tell how visible the masks of all photos are.

    Args:
        faces: of all photos, at least one.
        budget: that holds for each; None where none is known.

    Returns:
        A row a measure: mean and worst face, what is allowed, and what it means.
    """
    values = {
        "SSIM": [face.visibility.ssim for face in faces],
        "FLIP": [face.visibility.flip for face in faces],
        "flecks": [face.visibility.fleck for face in faces],
        "largest fleck": [face.visibility.largest_fleck for face in faces],
        "LPIPS": [face.lpips for face in faces if face.lpips is not None],
    }
    allowed = {}
    if budget is not None:
        allowed = {
            "SSIM": f"at least {budget.ssim:g}",
            "FLIP": f"at most {budget.flip:g}",
            "flecks": f"at most {budget.fleck:g}",
            "largest fleck": f"at most {budget.largest_fleck:g}",
        }
    rows = []
    for name, each in values.items():
        worst, form = (min if name == "SSIM" else max), (".1f" if "fleck" in name else ".3f")
        shown = (format(fmean(each), form), format(worst(each), form)) if each else ("not measured", "")
        rows.append((name, *shown, *((allowed.get(name, ""),) if allowed else ()), _MEANINGS[name]))
    bounds = ("allowed",) if allowed else ()
    return Table(("measure", "mean", "worst face", *bounds, "what it says"), tuple(rows))


def how_to_measure(faces: Sequence[Looks]) -> tuple[str, ...]:
    """Say how to get LPIPS, unless it was measured.

    Args:
        faces: of all photos.

    Returns:
        One sentence, or none.
    """
    measured = any(face.lpips is not None for face in faces)
    fetch = NOT_MEASURED.removeprefix("not measured: ")
    return () if measured else (f"LPIPS was not measured: `{fetch}` gets its weights, then run the command again.",)
