"""`fingerprint make` and `fingerprint test`: pictures that identify a model's first layer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Unpack

from guise.harmless.fingerprints import Match, Origin, Probe, load_probe, make, match, save_probe
from guise.harmless.fingerprints.files import check_new, read_outputs
from guise.harmless.fingerprints.probe import run
from guise.harmless.sources import LoadOptions, Model, load_models
from guise.models.errors import InputError
from guise.models.files import check_writable


@dataclass(frozen=True)
class FingerprintReport:
    """How a model, or its answers alone, match a probe.

    Attributes:
        match: score and margin.
        origin: what was measured when the probe was made.
    """

    match: Match
    origin: Origin

    def to_json(self) -> str:
        """The result as JSON, as `guise harmless fingerprint test --json` prints it."""
        values = {**asdict(self.match), "false_positives_below": self.origin.strangers.rate_below}
        return json.dumps(values, indent=1, allow_nan=False)


def make_fingerprint(
    model: Model,
    *,
    out: str | Path,
    pairs: int = 4,
    strangers: int = 40,
    seed: int = 0,
    **options: Unpack[LoadOptions],
) -> Probe:
    """Write pairs of pictures that only a model with the same first layer takes for equal, with controls.

    Args:
        model: see `guise.harmless.null_space`.
        out: a new folder for the probe.
        pairs: how many pairs of pictures.
        strangers: how many other models to test on: the same network with another first layer.
        seed: of the pictures and the strangers.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        The probe, with what was measured on it.

    Raises:
        InputError: the folder holds anything, or the model ignores nothing that identifies it.
        OutputError: a file cannot be written.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    check_new(Path(out))
    check_writable(Path(out))
    probe = make(load_models(model, **options), pairs=pairs, strangers=strangers, seed=seed)
    save_probe(probe, Path(out))
    return probe


def compare_fingerprint(
    probe: str | Path | Probe,
    *,
    model: Model | None = None,
    outputs: str | Path | None = None,
    **options: Unpack[LoadOptions],
) -> FingerprintReport:
    """Say whether a model, or its answers alone, match a probe, and with what margin.

    Args:
        probe: its folder, or the probe itself.
        model: the model to test (see `guise.harmless.null_space`); None: `outputs` are compared.
        outputs: what a model answered, .npy or .json, a row a picture in the order of probe.json; None: `model` is run.
        **options: how to load the model (see `guise.harmless.null_space`).

    Returns:
        The score, and whether it matches.

    Raises:
        ImageError: a picture of the probe cannot be read.
        InputError: the probe or the outputs are damaged, the model takes photos of another size, or both or none of
            `model` and `outputs` are given.
        WeightsError: see `guise.harmless.null_space`.
        OfflineError: see `guise.harmless.null_space`.
    """
    if (model is None) == (outputs is None):
        raise InputError("give either `model=` or `outputs=`")
    loaded = probe if isinstance(probe, Probe) else load_probe(Path(probe))
    if model is not None:
        answers = run(load_models(model, **options), loaded.pictures)
    else:
        answers = read_outputs(Path(str(outputs)), len(loaded.pictures))
    return FingerprintReport(match(answers, threshold=loaded.origin.threshold), loaded.origin)
