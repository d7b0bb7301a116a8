"""Known failures: which metric sees a spoiled set of real images, and which is blind to it.

On the bundled digits with pixels as features, and on Fashion-MNIST with the kept feature network,
by the experiment that measures the same on more images.
"""

from pathlib import Path

import numpy as np
import pytest

from experiments import feature_network, metric_failures
from ganjax.data.dataset import Dataset
from ganjax.data.sources import load

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tensorflow_datasets"
FASHION = SHARED / "fashion_mnist" / "3.0.1"
DISTANCES = {"frechet", "kernel", "sliced"}
MANIFOLD = {"precision", "recall", "density", "coverage"}
COPIES = {"copying z", "authenticity"}
BY_CLASS = {"frechet by class", "kernel by class", "coverage by class"}


def digits():
    return load("digits").train, lambda images: images.reshape(len(images), -1) / 255.0


def fashion():
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(FASHION).as_data_source("train")
    rows = [source[row] for row in range(1500)]
    images, labels = (np.stack([row[part] for row in rows]) for part in ("image", "label"))
    return Dataset("fashion", images, labels, tuple("abcdefghij")), feature_network.load()


@pytest.fixture(
    scope="module",
    params=[
        digits,
        pytest.param(
            fashion,
            marks=pytest.mark.skipif(not FASHION.is_dir(), reason=f"no prepared set at {FASHION}"),
        ),
    ],
    ids=lambda source: source.__name__,
)
def found(request):
    dataset, features = request.param()
    return metric_failures.measure(dataset, features, images=300, draws=4)


def moves(found, failure):
    return found["failures"][failure]["moved"]


def test_the_perfect_generator_scores_as_it_should(found):
    mean = found["perfect"]["mean"]
    assert abs(mean["copying z"]) < 2.5
    assert mean["density"] == pytest.approx(1, abs=0.1)
    assert mean["coverage"] == pytest.approx(1 - 2**-5, abs=0.03)
    assert abs(mean["kernel"]) < 3 * found["perfect"]["sd"]["kernel"]
    assert mean["classes without images"] == 0


def test_a_dropped_class_is_missed_by_recall_and_coverage_not_by_precision(found):
    moved = moves(found, "class dropped")
    assert moved["coverage"] == moved["recall"] == -1
    assert moved["classes without images"] == 1
    assert not {"precision", *COPIES, *BY_CLASS} & set(moved)
    dropped = found["failures"]["class dropped"]["mean"]
    assert all(dropped[name] > found["perfect"]["mean"][name] for name in DISTANCES)


def test_only_what_knows_the_training_images_sees_that_they_are_copied(found):
    moved = moves(found, "memorised")
    assert moved == {"copying z": -1, "authenticity": -1}
    assert found["failures"]["memorised"]["mean"]["authenticity"] == 0


def test_one_copy_in_ten_moves_authenticity_by_a_tenth_of_it(found):
    perfect, copied = (
        found[part]["mean"] if part == "perfect" else found["failures"][part]["mean"]
        for part in ("perfect", "one in ten memorised")
    )
    assert copied["authenticity"] == pytest.approx(0.9 * perfect["authenticity"], abs=0.02)
    assert copied["copying z"] < perfect["copying z"]


def test_blurred_images_lie_apart_but_may_be_called_precise(found):
    moved = moves(found, "blurred")
    assert all(moved[name] == 1 for name in DISTANCES)
    assert moved["recall"] == moved["coverage"] == -1
    assert moved.get("precision", 0) >= 0


def test_shuffled_labels_are_seen_class_by_class_and_by_nothing_else(found):
    moved = moves(found, "labels shuffled")
    assert moved == {"frechet by class": 1, "kernel by class": 1, "coverage by class": -1}
    mean = found["failures"]["labels shuffled"]["mean"]
    assert all(mean[name] == found["perfect"]["mean"][name] for name in DISTANCES | MANIFOLD)


def test_one_image_per_class_is_precise_and_recalls_nothing(found):
    moved = moves(found, "one image per class")
    assert moved["recall"] == moved["coverage"] == -1
    assert moved["frechet"] == moved["sliced"] == moved["frechet by class"] == 1
    assert moved.get("precision", 0) >= 0
    assert found["failures"]["one image per class"]["mean"]["recall"] < 0.05
