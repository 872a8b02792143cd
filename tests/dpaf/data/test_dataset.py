from dataclasses import replace

import numpy as np
import pytest

from guise import dpaf
from guise.models.errors import InputError
from tests.dpaf import toy


def test_labels_follow_the_names_of_classes():
    data = replace(toy.two_classes(6), classes=("cat", "dog"))
    named = data.labelled_as(("bird", "dog", "cat"), where="t")
    assert named.labels.tolist() == [{0: 2, 1: 1}[label] for label in data.labels.tolist()]
    with pytest.raises(InputError, match="shows class dog, and the run knows cat"):
        data.labelled_as(("cat",), where="t")


def test_a_dataset_of_arrays_is_known_by_its_content_as_the_same_arrays_in_a_file_are(tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (6, 28, 28)), np.array([0, 1] * 3)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    data, file = dpaf.dataset_from_arrays(images, labels), dpaf.load(tmp_path / "data.npz")
    assert data.digest == file.digest and data.checksum() == file.checksum()
    others = [(255 - images, labels), (images, 1 - labels), (images / 255, labels), (images, None)]
    assert len({data.digest, *(dpaf.dataset_from_arrays(*other).digest for other in others)}) == 5


def test_a_checksum_sees_what_a_digest_set_by_hand_does_not():
    data = toy.two_classes()
    changed = [replace(data, images=255 - data.images), replace(data, labels=1 - data.labels)]
    assert {other.digest for other in changed} == {data.digest}
    assert len({data.checksum(), *(other.checksum() for other in changed)}) == 3
