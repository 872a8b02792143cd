"""The null space of a model, in one object: how large it is, and photos with other content in it."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from guise.harmless.inspection import Inspection, OperationSpace, inspect_trace
from guise.harmless.nullity import Nullity, check_ignores, nullity
from guise.harmless.pictures import filling, targets
from guise.harmless.pictures.certificate import Certificate, Certifier
from guise.harmless.pictures.filling import FillSettings, Mode, seed_of
from guise.harmless.pictures.photos import PhotoLike, photo_for
from guise.harmless.pictures.rounding import SearchSettings
from guise.harmless.projection import NearNull, Projector, projector
from guise.harmless.sources import JointModel, LoadedModel, LoadOptions, Models, load_models
from guise.harmless.sources.source import check_photo_shape
from guise.harmless.tracing import Trace, trace
from guise.models.errors import InputError


class FilledPhoto(NamedTuple):
    """A photo with other content where a model does not look.

    Attributes:
        copy: uint8 (H, W, 3).
        certificate: what the copy does to the model, measured.
    """

    copy: NDArray[np.uint8]
    certificate: Certificate


@dataclass(frozen=True, eq=False)
class NullSpace:
    """What a model, or several jointly, provably ignore of their input. Made by `null_space`.

    Nothing is hidden from anybody who holds the weights, and nothing is said of any other model.

    Attributes:
        loaded: the model, and the shape of the photos that it takes.
        trace: the linear operations that read its input.
        layer: whose input is followed instead of the photo; None for the photo.
        approximate: bound of the directions that the first layer shrinks, in place of those that it ignores; None for
            the exact null space.
    """

    loaded: LoadedModel
    trace: Trace
    layer: str | None = None
    approximate: float | None = None

    @cached_property
    def projector(self) -> Projector:
        """The orthogonal projection onto the space; its `null(v)` takes tensors (N, *shape)."""
        if self.approximate is not None:
            return NearNull(self.trace.joint, self.approximate)
        return projector(self.trace.joint)

    @cached_property
    def size(self) -> Nullity:
        """n, m and the nullity, counted and measured."""
        size = nullity(self.projector)
        several = size.measured is None and self.approximate is None and len(self.trace.parts) > 1
        return self.spaces[-1].size if several else size

    @property
    def name(self) -> str:
        """What the user called the model, or each of several models."""
        return " and ".join(self.loaded.names)

    @property
    def n(self) -> int:
        """Dimensions of the input."""
        return self.size.n

    @property
    def m(self) -> int:
        """Measurements that the model takes of the input."""
        return self.size.m

    @property
    def nullity(self) -> int:
        """Dimensions of the space; estimated where the operations are too large to decompose (see `size`)."""
        return self.size.best

    @cached_property
    def spaces(self) -> tuple[OperationSpace, ...]:
        """The null space of each linear operation, and of all jointly, last, where there are several."""
        spaces = inspect_trace(self.trace)
        return tuple(dataclasses.replace(space, name=self._name(space.name)) for space in spaces)

    def inspect(self) -> Inspection:
        """All numbers of the space, as `guise harmless inspect` shows them."""
        return Inspection(self.loaded.names, self.layer, self.trace.input_shape, self.spaces)

    def to_json(self) -> str:
        """All numbers of the space as JSON, as `guise harmless inspect --json` prints them."""
        return self.inspect().to_json()

    def fill(
        self,
        photo: PhotoLike,
        target: str | Path | NDArray[np.uint8] = "noise",
        *,
        mode: Mode = "replace",
        magnitude: float | None = None,
        exact_uint8: bool = False,
        moves: int = 2000,
        seed: int = 0,
    ) -> FilledPhoto:
        """Put other content into a photo where the model does not look, within [0, 255], and measure the copy.

        Args:
            photo: a file, uint8 (H, W, 3), or a photo that was read; of the size that the model takes.
            target: what is put in: "noise", "constant" (mid grey), the path of a photo, which is resized to fit, or
                uint8 (H, W, 3).
            mode: "replace" erases what the model does not read; "add" adds to it, and an average over copies takes that
                off again.
            magnitude: share that is replaced, in (0, 1], or levels that are added, in (0, 255]. None: 1, or 32.
            exact_uint8: search for whole levels that change least of what the model reads; slower.
            moves: of that search, in each block.
            seed: of the noise, which differs from photo to photo.

        Returns:
            The copy, uint8 (H, W, 3), and its certificate. It unpacks: `copy, certificate = space.fill(photo)`.

        Raises:
            ImageError: a photo cannot be read.
            InputError: the photo has another size, a setting does not fit, the model ignores nothing, or the target
                changes nothing.
        """
        if self.layer is not None:
            raise InputError("`layer=` follows features, and a photo cannot be filled there: leave it out")
        settings = FillSettings(mode, magnitude, exact_uint8, SearchSettings(moves))
        self.loaded.check_weights()  # the certificate runs the whole model
        check_photo_shape(self.loaded.input_shape)
        original = photo_for(photo, self.loaded.input_shape)
        if self.approximate is None:
            check_ignores(self.projector)
        if isinstance(target, np.ndarray):
            aim = photo_for(target, self.loaded.input_shape).pixels
        else:
            height, width = self.loaded.input_shape[1:]
            aim = targets.parse(str(target))(height, width, seed_of(original.sha256, seed))
        copy = filling.fill(original.pixels, self.projector, aim, settings=settings)
        return FilledPhoto(copy, self._certifier.certify(original.pixels, copy, aim))

    @cached_property
    def _certifier(self) -> Certifier:
        return Certifier(self.loaded.model, self.projector)

    def _name(self, part: str) -> str:
        """What users call the layer, with its model where there are several."""
        several = re.fullmatch(r"models\.(\d+)\.network\.(.*)", part)
        if several is None:
            return part.removeprefix("network.")
        number, names = int(several[1]), self.loaded.names
        return f"{names[number] if number < len(names) else f'model {number + 1}'} {several[2]}"


def null_space(
    model: Models,
    *,
    layer: str | None = None,
    approximate: float | None = None,
    **options: Unpack[LoadOptions],
) -> NullSpace:
    """Find what a model, or several jointly, provably ignore of their input.

    Args:
        model: a name as on the command line (a recogniser of `guise models list`, a torchvision name, timm:NAME, a
            file, or package.module:factory), a module of your own, or several of these. A module is copied, never
            changed.
        layer: follow what enters this layer instead of the photo; dotted name, of one model.
        approximate: use directions that the first layer shrinks below this share of what it does to its most sensitive
            one. For models that ignore nothing exactly.
        **options: how to load names: `weights` ("random", "pretrained" or a file), `input` ("3x224x224" or a tuple),
            `preprocess` (such as "resize=256,crop=224"), `offline`, and `announce`, which is called with one line
            before a download. `input` and `preprocess` count for modules too. See `LoadOptions`.

    Returns:
        The space.

    Raises:
        InputError: there is no such model or layer, the model fails, or an option does not fit.
        NonLinearFirstError: a non-linear operation reads the input first, so that nothing of it is provably ignored.
        WeightsError: weights are missing, damaged, or do not fit; of a file, only what reads the input must fit.
        OfflineError: weights would have to be fetched.
    """
    loaded = load_models(model, partly=True, **options)
    if layer is not None and isinstance(loaded.model, JointModel):
        raise InputError("`layer=` follows one model; name one")
    traced = trace(loaded.model, loaded.input_shape, layer=None if layer is None else f"network.{layer}")
    loaded.check_weights({name for part in traced.parts for name in part.used})
    space = NullSpace(loaded, traced, layer, approximate)
    if approximate is not None:
        _ = space.projector  # refuses a wrong bound now
    return space


def inspect(model: Models, *, layer: str | None = None, **options: Unpack[LoadOptions]) -> Inspection:
    """Measure each linear operation that reads a model's input, and the dimensions that it cannot see.

    Args:
        model: see `null_space`.
        layer: see `null_space`.
        **options: see `null_space`.

    Returns:
        The null space of each operation, and of all jointly; `to_json()` is the command's JSON.

    Raises:
        InputError: see `null_space`.
        NonLinearFirstError: see `null_space`.
        WeightsError: see `null_space`.
        OfflineError: see `null_space`.
    """
    return null_space(model, layer=layer, **options).inspect()
