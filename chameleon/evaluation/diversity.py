"""How much the errors of a team of recognisers overlap.

A team whose errors overlap less should make better surrogates. Our measurements contradict this: of five teams of
four, the team whose masks carried over best has the lowest diversity. So models/recognisers/team.json is not chosen by
it.

Source: focal diversity as in K.-H. Chow et al., "Personalized Privacy Protection Mask Against Unauthorized Facial
Recognition", ECCV 2024, after Y. Wu et al., "Boosting Deep Ensemble Performance with Hierarchical Pruning", ICDM 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import FaceDetector, most_prominent
from guise.chameleon.faces.embedding import Metric, distances, embed
from guise.models import Recogniser
from guise.models.errors import FaceError, ImageError, InputError
from guise.models.files import list_photos, printable, read_photo

_BATCH = 32


@dataclass(frozen=True)
class RankOneErrors:
    """Which photos of a folder recognisers get wrong.

    Attributes:
        queries: Q photos, below the folder, each of which searched all others.
        failures: bool (Q,) by name of the recogniser: whether somebody else came first.
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
    """Measure how seldom other members fail where a given one does.

    Of the queries that the focal member gets wrong, p_j is the share on which exactly j of the S members fail;
    P1 = sum of j / S p_j and P2 = sum of j (j - 1) / (S (S - 1)) p_j are the probabilities that one member, and that
    two members drawn at random, fail; the result is 1 - P2 / P1.

    Args:
        failures: bool (S, Q), which member fails on which query; S >= 2.
        focal: the member, 0 to S - 1.

    Returns:
        The diversity, in [0, 1]; None where the member fails on no query, and nothing is known of it.

    Raises:
        ValueError: there are fewer than two members.
    """
    size = len(failures)
    if size < 2:
        raise ValueError("diversity takes two members or more")
    together = failures[:, failures[focal]].sum(0)
    if not len(together):
        return None
    one_fails = together.mean() / size
    two_fail = (together * (together - 1)).mean() / (size * (size - 1))
    return float(1 - two_fail / one_fails)


def focal_diversity(failures: np.ndarray) -> float:
    """Average the generalised diversity over the members that fail somewhere.

    Args:
        failures: bool (S, Q), which member fails on which query.

    Returns:
        Focal diversity, in [0, 1]; 0 where no member fails, or with fewer than two members.
    """
    if len(failures) < 2:
        return 0.0
    known = [value for focal in range(len(failures)) if (value := generalised_diversity(failures, focal)) is not None]
    return float(np.mean(known)) if known else 0.0


def rank_teams(failures: Mapping[str, np.ndarray], *, size: int) -> list[Team]:
    """Rank all teams of one size that a pool of recognisers can make.

    Args:
        failures: bool (Q,) for each recogniser of the pool: whether it gets a query wrong.
        size: members of a team, from 2 on.

    Returns:
        The teams, the most diverse first; of equally diverse ones the more accurate first.

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
    """Find the queries to which somebody else is nearest.

    Each face searches all others. Queries are the faces of people with two photos or more.

    Args:
        embeddings: float (N, D), raw.
        people: (N,), whose face each is.
        metric: the recogniser's.

    Returns:
        bool (Q,), whether each query fails.
    """
    apart = distances(embeddings, embeddings, metric=metric)
    np.fill_diagonal(apart, np.inf)
    same = people[:, None] == people
    queries = same.sum(1) > 1
    nearest = people[apart.argmin(1)]
    return np.asarray(nearest[queries] != people[queries])


def measure_failures(
    folder: Path,
    detector: FaceDetector,
    recognisers: Sequence[Recogniser],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> RankOneErrors:
    """Measure which photos recognisers get wrong.

    The most prominent face of each photo counts; photos that cannot be read or show none are left out.

    Args:
        folder: holds one folder a person.
        detector: finds the faces.
        recognisers: those to measure.
        progress: called with photos done and photos in all.

    Returns:
        The errors of each recogniser.

    Raises:
        InputError: the folder is missing, cannot be read, or holds no photo.
        FaceError: there are no two people of whom one has two photos with a face.
    """
    photos = list_photos(folder).photos
    parts: dict[str, list[np.ndarray]] = {recogniser.record.name: [] for recogniser in recognisers}
    shown: list[Path] = []
    waiting: list[FaceCrop] = []
    for done, path in enumerate(photos, 1):
        try:
            pixels = read_photo(folder / path).pixels
            faces = detector.detect(pixels) if len(path.parts) > 1 else []
        except ImageError:
            faces = []
        if faces:
            waiting.append(FaceCrop.cut(pixels, most_prominent(faces, *pixels.shape[:2])))
            shown.append(path)
        if len(waiting) == _BATCH or done == len(photos):
            batch = [(crop.pixels, crop.face) for crop in waiting]
            for recogniser in recognisers:
                parts[recogniser.record.name].append(embed(batch, recogniser))
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
    return RankOneErrors(tuple(path for path, count in zip(shown, counts[whose], strict=True) if count > 1), failures)
