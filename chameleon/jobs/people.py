"""Whose face is meant: `user_face`, resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector, WhoseFace, select_reference
from guise.chameleon.faces.survey import Survey
from guise.chameleon.mask.key import Key
from guise.models.errors import InputError, KeyFileError
from guise.models.files import printable, read_photo
from guise.models.recognisers import registry

TO_PROTECT = (WhoseFace.RECURRING, WhoseFace.LARGEST, WhoseFace.ALL)
TO_VERIFY = (WhoseFace.RECURRING, WhoseFace.LARGEST)


def check_user_face(user_face: str | Path | FaceSelector, words: Sequence[str]) -> None:
    """Find a misspelt `user_face` before the work begins.

    Args:
        user_face: as the user gave it; a selector is right as it is.
        words: that have a meaning.

    Raises:
        InputError: it is neither a file nor one of `words`.
    """
    if isinstance(user_face, FaceSelector):
        return
    if not isinstance(user_face, str | Path) or (str(user_face) not in words and not Path(user_face).is_file()):
        what = f"`user_face={printable(str(user_face))}` is neither a photo nor {', '.join(words)}"
        raise InputError(f"{what}: name a photo of the user, or one of these words")


def selector_of(key: Key, reader: FaceReader) -> FaceSelector:
    """The faces that `key` is for.

    Args:
        key: the user's.
        reader: will find the faces.

    Returns:
        What selects them.

    Raises:
        KeyFileError: the key knows its user by another recogniser than `reader`.
    """
    if key.selector.template.mean.size != reader.recogniser.record.embedding_size:
        what = f"the key tells its user by {key.selector.template.mean.size} numbers, not as {registry.READER} does"
        raise KeyFileError(f"{what}: say whose faces to protect with `user_face=`")
    return key.selector


def selector_named(user_face: str | Path | FaceSelector, survey: Survey, reader: FaceReader) -> FaceSelector:
    """The faces that `user_face` names among those of a folder.

    Args:
        user_face: one of `TO_PROTECT`, a photo of the user alone, or what selects the user already.
        survey: the folder's faces.
        reader: found them.

    Returns:
        What selects them.

    Raises:
        FaceError: the user cannot be told from others, or the photo does not show one face.
        ImageError: the photo cannot be read.
    """
    if isinstance(user_face, FaceSelector):
        return user_face
    if str(user_face) in TO_PROTECT:
        return survey.selector(WhoseFace(str(user_face)), threshold=reader.recogniser.record.threshold)
    return _on_photo(user_face, reader)


def whose_faces(user_face: str | Path, reader: FaceReader) -> WhoseFace | FaceSelector:
    """Whose face counts when copies are verified.

    Args:
        user_face: one of `TO_VERIFY`, or a photo of the user alone.
        reader: finds the faces.

    Returns:
        A word for a rule, or what selects the person on the photo.

    Raises:
        FaceError: the photo does not show one face.
        ImageError: the photo cannot be read.
    """
    return WhoseFace(str(user_face)) if str(user_face) in TO_VERIFY else _on_photo(user_face, reader)


def _on_photo(photo: str | Path, reader: FaceReader) -> FaceSelector:
    faces = reader.read(read_photo(Path(photo)).pixels, name=str(photo))
    return select_reference(faces, threshold=reader.recogniser.record.threshold)


def is_user(selector: FaceSelector, key: Key) -> bool:
    """Tell whether the faces to protect are those of the key's user, however they were named.

    Args:
        selector: selects the faces to protect.
        key: the user's.

    Returns:
        Whether one person is selected, and the key knows that person as its user.
    """
    ours, theirs = key.selector.template.mean, selector.template.mean
    return selector.one_person and ours.shape == theirs.shape and key.selector.matches(theirs)
