"""How much the errors of a team of recognisers overlap.

The less, the better a team of surrogates it should make. On the recognisers that come with Guise masks told otherwise:
of five teams of four, the one whose masks carried over best comes last. So models/team.json is not chosen by it.

Source: focal diversity as in K.-H. Chow et al., "Personalized Privacy Protection Mask Against Unauthorized Facial
Recognition", ECCV 2024, after Y. Wu et al., "Boosting Deep Ensemble Performance with Hierarchical Pruning", ICDM 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from guise.chameleon.evaluation.retrieval import Metric, distances
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.detection import FaceDetector, most_prominent
from guise.chameleon.faces.embedding import embed
from guise.models import Recogniser
from guise.models.errors import FaceError, ImageError, InputError
from guise.models.files import list_photos, printable, read_photo

_BATCH = 32


@dataclass(frozen=True)
class Trial:
    """Which photos of a folder recognisers get wrong.

    Attributes:
        queries: the photos (Q) that searched all others, below the folder.
        failures: bool (Q,) by name of the recogniser: somebody else was found first.
    """

    queries: tuple[Path, ...]
    failures: dict[str, np.ndarray]


@dataclass(frozen=True)
class Team:
    """Recognisers that could be surrogates together.

    Attributes:
        members: their names, in the order of the pool.
        diversity: focal diversity, in [0, 1]; higher is better.
        accuracy: mean rank-1 accuracy of the members.
        generalised: each member's own generalised diversity; None for a member that fails nowhere.
    """

    members: tuple[str, ...]
    diversity: float
    accuracy: float
    generalised: tuple[float | None, ...]


def generalised_diversity(failures: np.ndarray, focal: int) -> float | None:
    """How seldom other members fail where one does.

    Of the queries that the focal member gets wrong, p_j is the share on which exactly j of the S members fail;
    P1 = sum of j / S p_j and P2 = sum of j (j - 1) / (S (S - 1)) p_j are the probabilities that one member, and that
    two members drawn at random, fail; the result is 1 - P2 / P1.

    Args:
        failures: bool (S, Q), which member fails on which query; S >= 2.
        focal: the member, 0 to S - 1.

    Returns:
        None where the member fails on no query: nothing is known of it.

    Raises:
        ValueError: there are fewer than two members.
    """
    size = len(failures)
    if size < 2:
        raise ValueError("diversity takes two members or more")
    together = failures[:, failures[focal]].sum(0)
    if not len(together):
        return None
    one = together.mean() / size
    two = (together * (together - 1)).mean() / (size * (size - 1))
    return float(1 - two / one)


def focal_diversity(failures: np.ndarray) -> float:
    """Mean generalised diversity over the members (S, Q) that fail somewhere; 0 where none does, or with one member."""
    if len(failures) < 2:
        return 0.0
    known = [value for focal in range(len(failures)) if (value := generalised_diversity(failures, focal)) is not None]
    return float(np.mean(known)) if known else 0.0


def rank_teams(failures: Mapping[str, np.ndarray], *, size: int) -> list[Team]:
    """All teams of `size` out of the pool, the most diverse first; of equally diverse ones the more accurate.

    Args:
        failures: bool (Q,) for each recogniser of the pool: whether it gets a query wrong.
        size: members of a team, from 2 on.

    Raises:
        InputError: the pool has fewer members than a team.
    """
    if not 2 <= size <= len(failures):
        raise InputError(f"a team of {size} cannot be made of a pool of {len(failures)}: ask for 2 to {len(failures)}")
    teams = []
    for members in combinations(failures, size):
        table = np.stack([failures[name] for name in members])
        own = tuple(generalised_diversity(table, focal) for focal in range(size))
        teams.append(Team(members, focal_diversity(table), float(1 - table.mean()), own))
    return sorted(teams, key=lambda team: (-team.diversity, -team.accuracy, team.members))


def rank1_failures(embeddings: np.ndarray, people: np.ndarray, *, metric: Metric) -> np.ndarray:
    """Which queries find somebody else first: bool (Q,), of all faces of people with two photos or more.

    Args:
        embeddings: (N, D), raw.
        people: (N,), whose face each is. Each face searches all others.
    """
    apart = distances(embeddings, embeddings, metric=metric)
    np.fill_diagonal(apart, np.inf)
    same = people[:, None] == people
    queries = same.sum(1) > 1
    found = people[apart.argmin(1)]
    return np.asarray(found[queries] != people[queries])


def measure_failures(
    folder: Path,
    detector: FaceDetector,
    recognisers: Sequence[Recogniser],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Trial:
    """Rank-1 failures of each recogniser on `folder`, with one folder a person.

    The most prominent face of each photo counts; photos that cannot be read or show none are left out.

    Raises:
        InputError: the folder is missing, cannot be read, or holds no photo.
        FaceError: there are no two people of whom one has two photos with a face.
    """
    photos = list_photos(folder).photos
    parts: dict[str, list[np.ndarray]] = {recogniser.record.name: [] for recogniser in recognisers}
    shown: list[Path] = []
    waiting: list[Portrait] = []
    for done, path in enumerate(photos, 1):
        try:
            pixels = read_photo(folder / path).pixels
            faces = detector.detect(pixels) if len(path.parts) > 1 else []
        except ImageError:
            faces = []
        if faces:
            waiting.append(Portrait.cut(pixels, most_prominent(faces, *pixels.shape[:2])))
            shown.append(path)
        if len(waiting) == _BATCH or done == len(photos):
            for recogniser in recognisers:
                parts[recogniser.record.name].append(embed([(one.pixels, one.face) for one in waiting], recogniser))
            waiting = []
        if progress is not None:
            progress(done, len(photos))
    people = np.array([path.parts[0] for path in shown])
    _, whose, counts = np.unique(people, return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise FaceError(
            f"{printable(folder)} does not show two people, one of them twice: it needs one folder a person, with "
            "their photos in it"
        )
    failures = {
        recogniser.record.name: rank1_failures(
            np.concatenate(parts[recogniser.record.name]), people, metric=recogniser.record.metric
        )
        for recogniser in recognisers
    }
    return Trial(tuple(path for path, count in zip(shown, counts[whose], strict=True) if count > 1), failures)
