import pytest
import torch

from guise.models.networks.precision import half_precision


@pytest.mark.parametrize("fast", [False, True])
def test_half_the_bits_are_used_only_where_the_hardware_multiplies_them(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})
    layer, values = torch.nn.Linear(64, 8), torch.randn(4, 64, generator=torch.manual_seed(0))
    exact = layer(values)
    with half_precision(torch.device("cpu")):
        product = layer(values).float()
    assert torch.equal(product, exact) is not fast
    torch.testing.assert_close(product, exact, rtol=0.05, atol=0.05)
