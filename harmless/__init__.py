"""What a model provably ignores: null spaces of its first linear layers, measured, and pictures made of them.

How much of a photo does a model never look at, and what is a photo that it cannot tell from yours?

    from skimage.data import astronaut
    from skimage.transform import resize

    from guise import harmless

    face = resize(astronaut()[:200, 130:330], (112, 112), anti_aliasing=True)
    photo = (255 * face).round().astype("uint8")

    space = harmless.null_space("guise-vit", offline=True)
    print(f"{space.name} ignores {space.nullity} of {space.n} dimensions of its input")

    copy, certificate = space.fill(photo, "noise")
    print(f"the answer changes by {certificate.changes['float32'].output:.1e}")

The same on folders, with the flags' names as keywords: `generate`, `check`, `decompose`, `attack`, `inspect`,
`make_fingerprint` and `compare_fingerprint`. Each gives a report with `to_json()`. Below them lie `load`, `trace` (the
linear operations that read an input), `projector` (onto a null space), `fill` and `Certifier`.

It hides nothing from anybody who holds the weights, and says nothing of any other model.
Source of the idea: Chen et al., "The Space of Harmless Perturbations", arXiv 2402.02095.
"""

from guise.harmless.fingerprints import Match, Probe
from guise.harmless.inspection import Inspection, OperationSpace, inspect_trace
from guise.harmless.jobs.adapting import AdaptedLayer, AdapterReport, project_adapter
from guise.harmless.jobs.attacking import AttackReport, attack
from guise.harmless.jobs.checking import check
from guise.harmless.jobs.decomposing import DecomposedPhoto, DecomposeReport, decompose
from guise.harmless.jobs.fingerprinting import FingerprintReport, compare_fingerprint, make_fingerprint
from guise.harmless.jobs.generating import GenerateReport, generate
from guise.harmless.jobs.perturbing import RobustnessReport, robustness
from guise.harmless.nullity import Nullity, by_counting, nullity
from guise.harmless.operators import LinearOperator
from guise.harmless.pictures.certificate import Certificate, Certifier, Change, ImageSimilarity
from guise.harmless.pictures.filling import FillSettings, fill
from guise.harmless.pictures.folders import PhotoResult
from guise.harmless.projection import Projector, leakage, projector
from guise.harmless.sources import (
    JointModel,
    LoadedModel,
    LoadOptions,
    PixelModel,
    Preprocessing,
    Source,
    load,
    load_jointly,
)
from guise.harmless.space import FilledPhoto, NullSpace, inspect, null_space
from guise.harmless.tracing import NonLinearFirstError, Part, Trace, trace

__all__ = [
    "AdaptedLayer",
    "AdapterReport",
    "AttackReport",
    "Certificate",
    "Certifier",
    "Change",
    "DecomposeReport",
    "DecomposedPhoto",
    "FillSettings",
    "FilledPhoto",
    "FingerprintReport",
    "GenerateReport",
    "ImageSimilarity",
    "Inspection",
    "JointModel",
    "LinearOperator",
    "LoadOptions",
    "LoadedModel",
    "Match",
    "NonLinearFirstError",
    "NullSpace",
    "Nullity",
    "OperationSpace",
    "Part",
    "PhotoResult",
    "PixelModel",
    "Preprocessing",
    "Probe",
    "Projector",
    "RobustnessReport",
    "Source",
    "Trace",
    "attack",
    "by_counting",
    "check",
    "compare_fingerprint",
    "decompose",
    "fill",
    "generate",
    "inspect",
    "inspect_trace",
    "leakage",
    "load",
    "load_jointly",
    "make_fingerprint",
    "null_space",
    "nullity",
    "project_adapter",
    "projector",
    "robustness",
    "trace",
]
