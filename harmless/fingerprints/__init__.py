"""Pictures that tell the owner's first layer from others: only the owner's model takes them for equal."""

from guise.harmless.fingerprints.files import load_probe, save_probe
from guise.harmless.fingerprints.probe import Match, Origin, Probe, Strangers, make, match

__all__ = ["Match", "Origin", "Probe", "Strangers", "load_probe", "make", "match", "save_probe"]
