"""Pictures that tell one model's first layer from others': alike to its owner's, not alike to anybody else's."""

from guise.harmless.fingerprints.files import load_probe, save_probe
from guise.harmless.fingerprints.probe import Match, Origin, Probe, Strangers, make, match

__all__ = ["Match", "Origin", "Probe", "Strangers", "load_probe", "make", "match", "save_probe"]
