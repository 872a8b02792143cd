from dataclasses import replace

import pytest

from guise.models.errors import InputError
from tests.dpaf import toy


def test_labels_follow_the_names_of_classes():
    data = replace(toy.two_classes(6), classes=("cat", "dog"))
    named = data.labelled_as(("bird", "dog", "cat"), where="t")
    assert named.labels.tolist() == [{0: 2, 1: 1}[label] for label in data.labels.tolist()]
    with pytest.raises(InputError, match="shows class dog, and the run knows cat"):
        data.labelled_as(("cat",), where="t")
