import numpy as np
import pytest

from guise.dpaf.data import dataset_from_arrays
from guise.dpaf.evaluation.utility import utility
from guise.models.errors import InputError
from tests.dpaf import toy


def synthetic(count=600):
    data = toy.two_classes(count)
    return data.images.permute(0, 2, 3, 1).numpy(), data.labels.numpy()


def test_images_of_two_plain_classes_teach_a_classifier_and_swapped_labels_mislead_it():
    images, labels = synthetic()
    test = toy.two_classes(100)
    (right,) = utility(images, labels, test)
    (wrong,) = utility(images, 1 - labels, test)
    assert right.accuracy > 0.95 and wrong.accuracy < 0.05
    assert right.by_class == pytest.approx((1.0, 1.0), abs=0.1)


def test_no_class_is_held_out_whole_and_classes_without_test_images_have_no_share():
    labels = (np.arange(600) % 12 > 0).astype(np.int64)  # every twelfth image is of class 0
    images = np.where(labels == 0, 255, 0).astype(np.uint8)[:, None, None, None] + np.zeros((1, 28, 28, 1), np.uint8)
    test = dataset_from_arrays(images[:24, ..., 0], labels[:24], size=28, where="t", digest=b"", split="test")
    (network,) = utility(images, labels, test)
    assert network.by_class == (1.0, 1.0)
    (network,) = utility(images, 2 * labels, test)
    assert network.by_class == (1.0, 0.0, None)


def test_what_does_not_go_together_is_refused():
    images, labels = synthetic(60)
    test = dataset_from_arrays(np.zeros((4, 32, 32), np.uint8), np.array([0, 1, 0, 1]), size=32, where="t", digest=b"")
    with pytest.raises(InputError, match="test set of that kind"):
        utility(images, labels, test)
    with pytest.raises(InputError, match="protocol"):
        utility(images, labels, toy.two_classes(), protocol="other")
