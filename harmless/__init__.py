"""What a model provably ignores: null spaces of its first linear layers, measured, and pictures made of them.

loaded = load(Source("vit_b_32", weights="pretrained"))
reading = read(loaded.model, loaded.input_shape)        # the linear operations that read the input
spaces = inspect(reading)                               # n, m, nullity, condition, ...
null = projector(reading.joint)
copy = generate(pixels, null, target, settings=GenerationSettings(exact_uint8=True))
certificate = Certifier(loaded.model, null).certify(pixels, copy, target)

Source of the idea: Chen et al., "The Space of Harmless Perturbations", arXiv 2402.02095. It hides nothing from whoever
holds the weights, and says nothing of any other model.
"""

from guise.harmless.inspection import Space, inspect
from guise.harmless.loading import Loaded, Source, load
from guise.harmless.nullity import Nullity, by_counting, nullity
from guise.harmless.operators import LinearOperator
from guise.harmless.pictures.certificate import Certificate, Certifier, Change, Likeness
from guise.harmless.pictures.folders import Job, Made, generate_folder
from guise.harmless.pictures.generation import GenerationSettings, generate
from guise.harmless.preprocessing import PixelModel, Preprocessing
from guise.harmless.projection import Projector, leakage, projector
from guise.harmless.tracing import Part, Reading, read

__all__ = [
    "Certificate",
    "Certifier",
    "Change",
    "GenerationSettings",
    "Job",
    "Likeness",
    "LinearOperator",
    "Loaded",
    "Made",
    "Nullity",
    "Part",
    "PixelModel",
    "Preprocessing",
    "Projector",
    "Reading",
    "Source",
    "Space",
    "by_counting",
    "generate",
    "generate_folder",
    "inspect",
    "leakage",
    "load",
    "nullity",
    "projector",
    "read",
]
