"""`check`: what a changed picture does to a model, from the two pictures alone."""

from __future__ import annotations

from typing import Unpack

from guise.harmless.pictures.certificate import Certificate, Certifier
from guise.harmless.pictures.photos import PhotoLike, photo_for
from guise.harmless.projection import Projector, projector
from guise.harmless.sources import LoadOptions, Models, load_models
from guise.harmless.tracing import NonLinearFirstError, trace


def check(original: PhotoLike, perturbed: PhotoLike, model: Models, **options: Unpack[LoadOptions]) -> Certificate:
    """Measure how a picture differs from its original to a model: its first layer, its output, and to the eye.

    Where nothing linear reads the photo first, only the output is compared, and `announce` is told so.

    Args:
        original: a file, uint8 (H, W, 3), or a photo that was read.
        perturbed: the changed picture, as `original`.
        model: see `guise.harmless.null_space`.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        What was measured.

    Raises:
        ImageError: a picture cannot be read.
        InputError: a picture has another size than the model reads, or the model fails.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    loaded, announce = load_models(model, **options), options.get("announce")
    before, after = (photo_for(photo, loaded.input_shape) for photo in (original, perturbed))
    null: Projector | None = None
    try:
        null = projector(trace(loaded.model, loaded.input_shape).joint)
    except NonLinearFirstError as error:
        if announce:
            announce(f"Only the output is compared: {error}.")
    return Certifier(loaded.model, null).certify(before.pixels, after.pixels)
