"""What a run is asked for, and the data that it will be trained on, looked at before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from guise.dpaf.data import ImageDataset, Source, load
from guise.dpaf.training.run_settings import RunSettings
from guise.models.errors import InputError

IMAGES_PER_PERSON = 8


@dataclass(frozen=True)
class TrainingOptions:
    """What `dpaf.train` was asked for.

    Attributes:
        data: the private images, or where they are.
        out: folder of the run.
        epsilon: the budget; None only where a run is resumed.
        delta: the budget's delta; None takes `default_delta`.
        size: side of the images; None takes the nearest.
        preset: a name among `PRESETS`.
        minutes: of fitting the generator.
        physical_batch_size: images worked on at once; None takes the preset's.
        budgets: file of the datasets' budgets; None takes the user's own.
        resume: whether to go on with the run in `out`.
        unsafe_reproducible: NOT PRIVATE: a seed for the noise; None takes noise from the operating system.
        as_is: take the data as they are, however odd they look.
        group_column: array or column that tells whose image each is: then one person is protected.
        group_folders: whether folders below a class are people: then one person is protected.
        images_per_person: at most so many images of a person are used, where people are protected.
    """

    data: Source
    out: Path
    epsilon: float | None
    delta: float | None
    size: int | None
    preset: str
    minutes: float
    physical_batch_size: int | None
    budgets: Path | None
    resume: bool
    unsafe_reproducible: int | None
    as_is: bool = False
    group_column: str | None = None
    group_folders: bool = False
    images_per_person: int = IMAGES_PER_PERSON


def default_delta(records: int) -> float:
    """1e-5, or less where that would exceed half of the chance of publishing one whole record.

    Args:
        records: how many there are.
    """
    return min(1e-5, 0.5 / records)


def check_look(dataset: ImageDataset, *, as_is: bool) -> None:
    """Make sure that the data are what their owner means, before anything is spent on them.

    Args:
        dataset: with the look that was had at it.
        as_is: take it however odd it looks.

    Raises:
        InputError: something about it is odd.
    """
    doubts = () if dataset.look is None or as_is else dataset.look.doubts
    if doubts:
        raise InputError(f"{'; '.join(doubts)}; or take them as they are with `as_is=True`; nothing was spent")


def loaded(options: TrainingOptions, resumed: RunSettings | None) -> ImageDataset:
    """The data to train on; where people are protected, with so many images of each as may be used.

    Args:
        options: what was asked for.
        resumed: the run that is gone on with, which says how to read them; None for a new one.

    Raises:
        InputError: they cannot be used.
        OfflineError: they cannot be fetched.
    """
    data, size = options.data, options.size if resumed is None else resumed.size
    asked: TrainingOptions | RunSettings = options if resumed is None else resumed
    column, folders = asked.group_column, asked.group_folders
    if column is not None and folders:
        raise InputError("`group_column=` and `group_folders=True` both tell whose image each is: give one of them")
    if not isinstance(data, ImageDataset):
        data = load(data, size=size, group_column=column, group_folders=folders)
    elif resumed is None and size not in (None, data.size):
        raise InputError(f"size {size} was asked for and the images are of {data.size}: leave `size=` out")
    if size not in (None, data.size):
        raise InputError(f"the run has images of {size}, and these are of {data.size}: resume it with its own images")
    if data.people is None:
        return data
    most = asked.images_per_person
    return data.at_most(options.images_per_person if most is None else most)
