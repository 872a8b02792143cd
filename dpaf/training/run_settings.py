"""What a run is, all of it public."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.data import ImageDataset
from guise.dpaf.networks.designs import CURRENT, FIRST, KNOWN
from guise.dpaf.settings import PerformanceSettings
from guise.models.errors import InputError


@dataclass(frozen=True)
class RunSettings:
    """What a run is, all of it public.

    Attributes:
        run: a random name, under which budgets know it.
        data: what the dataset was called.
        records: the number of images, or of people where they are protected; taken to be public.
        classes: names of the labels.
        channels: of the images.
        size: height and width of the images.
        reproducible: whether its noise comes from a seed: then it is not private.
        privacy: as trained.
        performance: as trained.
        kind: "images" for a generator of images, "classifier" for a baseline.
        images_per_person: at most so many images of a person are used, and one person is protected with all of them;
            None protects one image.
        group_column: array or column that told whose image each is; None where there was none.
        group_folders: whether folders told it.
        design: of the public features and the generator.

    Raises:
        InputError: there is no such design.
    """

    run: str
    data: str
    records: int
    classes: tuple[str, ...]
    channels: int
    size: int
    reproducible: bool
    privacy: PrivacySettings
    performance: PerformanceSettings
    kind: str = "images"
    images_per_person: int | None = None
    group_column: str | None = None
    group_folders: bool = False
    design: int = FIRST

    def __post_init__(self) -> None:
        if self.design not in KNOWN:
            raise InputError(f"design is {self.design!r}: a newer version of Guise made this run, use that one")

    @property
    def unit(self) -> Unit:
        """Whom the run protects."""
        return Unit(self.images_per_person)

    @classmethod
    def of(
        cls,
        dataset: ImageDataset,
        data: str,
        privacy: PrivacySettings,
        performance: PerformanceSettings,
        *,
        reproducible: bool = False,
        kind: str = "images",
        images_per_person: int | None = None,
        group_column: str | None = None,
        group_folders: bool = False,
    ) -> RunSettings:
        """The settings of a new run, with a name of twelve random hexadecimal digits.

        Args:
            dataset: that it will be trained on.
            data: what people call the dataset.
            privacy: calibrated to a budget.
            performance: as planned.
            reproducible: whether its noise comes from a seed: then it is not private.
            kind: "images" or "classifier".
            images_per_person: as the attribute; needs a dataset that knows people.
            group_column: as the attribute.
            group_folders: as the attribute.
        """
        return cls(
            run=secrets.token_hex(6),
            data=data,
            records=dataset.units,
            classes=dataset.classes,
            channels=dataset.channels,
            size=dataset.size,
            reproducible=reproducible,
            privacy=privacy,
            performance=performance,
            kind=kind,
            images_per_person=images_per_person,
            group_column=group_column,
            group_folders=group_folders,
            design=CURRENT,
        )
