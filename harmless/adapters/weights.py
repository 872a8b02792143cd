"""Weights of large models one tensor at a time: safetensors, in one file or in shards."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from guise.models.errors import InputError, WeightsError
from guise.models.files import printable
from guise.models.formats.identity import check_model_file


class StreamedWeights:
    """The tensors of a model's folder by name. Nothing but the tensor that is asked for is read.

    Args:
        place: a folder with .safetensors files, or one such file.

    Raises:
        InputError: there are none.
        WeightsError: one of them is damaged, cut short or something else.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        files = sorted(place.glob("*.safetensors")) if place.is_dir() else [place]
        if not files or not all(file.is_file() for file in files):
            what = (
                f"{printable(place)} holds no .safetensors" if place.is_dir() else f"{printable(place)} does not exist"
            )
            raise InputError(f"{what}; name the folder of a model whose weights are in safetensors files")
        self._files: dict[str, Path] = {}
        for file in files:
            check_model_file(file)
            try:
                with safe_open(file, framework="pt") as opened:
                    self._files |= dict.fromkeys(opened.keys(), file)
            except SafetensorError as error:
                raise WeightsError(f"{printable(file)} is no safetensors file: {error}; fetch it again") from None

    def find(self, name: str) -> str | None:
        """A tensor's full name, where one tensor alone ends in `name`.

        Args:
            name: such as model.layers.0.self_attn.q_proj.weight; what stands before may differ.

        Returns:
            Its name here, or None.
        """
        if name in self._files:
            return name
        near = [own for own in self._files if own.endswith(f".{name}") or name.endswith(f".{own}")]
        return near[0] if len(near) == 1 else None

    def get(self, name: str) -> Tensor:
        """Read one tensor.

        Args:
            name: as `find` gave it.

        Returns:
            The tensor, in the type in which it is stored.
        """
        with safe_open(self._files[name], framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor
