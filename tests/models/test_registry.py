from __future__ import annotations

import pytest
from torchvision.models import SqueezeNet1_1_Weights

from guise.models import registry
from guise.models.errors import InputError
from guise.models.recognisers import registry as recognisers
from guise.models.recognisers.record import Record


def test_all_weights_are_found_by_name() -> None:
    assert list(registry.records()) == [*recognisers.RECORDS, *registry.OTHERS]
    assert all(registry.get(name) is record for name, record in registry.records().items())


def test_an_unknown_name_names_the_closest() -> None:
    with pytest.raises(InputError, match=r"'lpips-alex'.* lpips-squeeze"):
        registry.get("lpips-alex")


def test_a_trunk_is_no_recogniser() -> None:
    assert not isinstance(registry.get(registry.LPIPS), Record)
    with pytest.raises(InputError, match="no recogniser is called 'lpips-squeeze'"):
        recognisers.get(registry.LPIPS)


def test_the_trunk_of_lpips_is_the_file_that_torchvision_names() -> None:
    """Its name carries the first digits of the hash; torchvision tells its size to a thousandth of a MiB."""
    record, published = registry.get(registry.LPIPS), SqueezeNet1_1_Weights.IMAGENET1K_V1
    assert record.origin == published.url and published.url.endswith(f"/{record.file}")
    assert record.sha256 is not None and record.bytes is not None
    assert len(record.sha256) == 64 and record.file == f"squeezenet1_1-{record.sha256[:8]}.pth"
    assert round(record.bytes / 2**20, 3) == published.meta["_file_size"]
