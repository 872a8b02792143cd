from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import squeezenet1_0

from guise.models.errors import WeightsError
from guise.models.networks import lpips_squeeze
from tests.lpips_trunk import reference, trunk


@pytest.mark.parametrize("zipped", [True, False])
def test_it_measures_as_the_package_does_by_itself(tmp_path: Path, zipped: bool) -> None:
    (tmp_path / "trunk.pth").write_bytes(trunk(zipped=zipped))
    network = lpips_squeeze.load(tmp_path / "trunk.pth")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)
    batches = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    measured = float(network(batches[:1], batches[1:]))
    assert measured > 0.01 and measured == pytest.approx(reference(*pictures), rel=1e-5)
    assert not network.training and not any(weight.requires_grad for weight in network.parameters())


def test_loading_leaves_the_random_numbers_of_others_alone(tmp_path: Path) -> None:
    (tmp_path / "trunk.pth").write_bytes(trunk())
    before = torch.random.get_rng_state()
    lpips_squeeze.load(tmp_path / "trunk.pth")
    assert torch.equal(torch.random.get_rng_state(), before)


def another_network() -> bytes:
    file = io.BytesIO()
    torch.save(squeezenet1_0(weights=None).state_dict(), file)
    return file.getvalue()


def a_program() -> bytes:
    """What a plain pickle could run when it is opened."""
    file = io.BytesIO()
    torch.save({"features.0.weight": print}, file)
    return file.getvalue()


@pytest.mark.parametrize("make", [another_network, a_program, lambda: b"", lambda: b"no weights"])
def test_a_file_with_something_else_is_refused(tmp_path: Path, make) -> None:
    (tmp_path / "trunk.pth").write_bytes(make())
    with pytest.raises(WeightsError, match="does not hold the weights"):
        lpips_squeeze.load(tmp_path / "trunk.pth")
