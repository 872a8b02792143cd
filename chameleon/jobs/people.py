"""Whose face is meant: `user_face`, resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from guise.chameleon.evaluation.pairs import Who
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.survey import Chooser, Survey
from guise.chameleon.faces.template import Owner, from_reference
from guise.chameleon.mask.key import Key
from guise.models.errors import InputError, KeyFileError
from guise.models.files import printable, read_photo
from guise.models.recognisers import registry

TO_PROTECT = ("recurring", "largest", "all")
TO_VERIFY = ("recurring", "largest")


def check_user_face(user_face: str | Path, words: Sequence[str]) -> None:
    """Find a misspelt `user_face` before the work begins.

    Raises:
        InputError: it is neither a file nor one of `words`.
    """
    if str(user_face) not in words and not Path(user_face).is_file():
        what = f"`user_face={printable(str(user_face))}` is neither a photo nor {', '.join(words)}"
        raise InputError(f"{what}: name a photo of the user, or one of these words")


def chooser_of(key: Key, reader: FaceReader) -> Chooser:
    """The faces that `key` is for.

    Raises:
        KeyFileError: the key knows its user by another recogniser than `reader`.
    """
    if key.owner.centroid.size != reader.recogniser.record.embedding_size:
        what = f"the key tells its user by {key.owner.centroid.size} numbers, not as {registry.READER} does"
        raise KeyFileError(f"{what}: say whose faces to protect with `user_face=`")
    return Chooser(key.which, key.owner)


def chooser_named(user_face: str | Path, survey: Survey, reader: FaceReader) -> Chooser:
    """The faces that `user_face` names among those of a folder.

    Args:
        user_face: one of `TO_PROTECT`, or a photo of the user alone.
        survey: the folder's faces.
        reader: found them.

    Raises:
        FaceError: the user cannot be told from others, or the photo does not show one face.
        ImageError: the photo cannot be read.
    """
    threshold = reader.recogniser.record.threshold
    if str(user_face) in TO_PROTECT:
        which = cast(Literal["recurring", "largest", "all"], str(user_face))
        return Chooser.from_survey(survey, which, threshold=threshold)
    return Chooser("owner", _on_photo(user_face, reader))


def who(user_face: str | Path, reader: FaceReader) -> Who:
    """Whose face counts when copies are verified; see `chooser_named`."""
    if str(user_face) in TO_VERIFY:
        return cast(Literal["recurring", "largest"], str(user_face))
    return _on_photo(user_face, reader)


def _on_photo(photo: str | Path, reader: FaceReader) -> Owner:
    faces = reader.read(read_photo(Path(photo)).pixels, name=str(photo))
    return from_reference(faces, threshold=reader.recogniser.record.threshold)


def is_user(chooser: Chooser, key: Key) -> bool:
    """Whether the faces to protect are those of the key's user, however they were named."""
    ours, theirs = key.owner.centroid, chooser.owner.centroid
    return chooser.person is not None and ours.shape == theirs.shape and key.owner.owns(theirs)
