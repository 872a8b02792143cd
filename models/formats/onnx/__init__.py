"""ONNX files as torch modules: read from the graph itself, of any opset from 7 on."""

from guise.models.formats.onnx.network import OnnxNetwork, load

__all__ = ["OnnxNetwork", "load"]
