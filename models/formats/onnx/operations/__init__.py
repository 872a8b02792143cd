"""ONNX's operations in torch, by name. Each file holds one kind; https://onnx.ai/onnx/operators/ describes them.

A rule takes the node and its inputs (None for those left out) and gives a tensor, or a tuple where a node has several
outputs.
"""

from guise.models.formats.onnx.operations import (
    arithmetic,
    attention,
    convolutions,
    moving,
    normalisation,
    quantisation,
    resizing,
    shapes,
    signals,
)
from guise.models.formats.onnx.operations.rules import rule_for

__all__ = [
    "arithmetic",
    "attention",
    "convolutions",
    "moving",
    "normalisation",
    "quantisation",
    "resizing",
    "rule_for",
    "shapes",
    "signals",
]
