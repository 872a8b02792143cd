"""Models by what users call them, ready to take photos: names, files, factories and modules."""

from guise.harmless.sources.loading import load, load_jointly
from guise.harmless.sources.options import LoadOptions, Model, Models, load_models
from guise.harmless.sources.pixel_model import JointModel, PixelModel
from guise.harmless.sources.preprocessing import Preprocessing
from guise.harmless.sources.source import LoadedModel, Source

__all__ = [
    "JointModel",
    "LoadOptions",
    "LoadedModel",
    "Model",
    "Models",
    "PixelModel",
    "Preprocessing",
    "Source",
    "load",
    "load_jointly",
    "load_models",
]
