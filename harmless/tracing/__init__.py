"""What a model reads of a tensor before anything non-linear happens: each linear operation, and all of them jointly."""

from guise.harmless.tracing.run import NonLinearFirstError, Part, Trace, tensors_of, trace

__all__ = ["NonLinearFirstError", "Part", "Trace", "tensors_of", "trace"]
