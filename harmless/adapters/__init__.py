"""Adapters (LoRA, in PEFT's format) and the subspace in which an alignment moved a model's weights."""
