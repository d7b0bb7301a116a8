"""Sets of known failures, and which figure tells."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ganjax.data.dataset import Dataset, Source
from ganjax.errors import UserError
from ganjax.evaluate import Learning, compare, compare_sets, comparison
from ganjax.evaluate.comparison import with_classes_of
from ganjax.evaluate.sealing import real_side, seal

DIGITS = load_digits()
IMAGES = (DIGITS.images * 15.9).astype(np.uint8)
LABELS = DIGITS.target
ORDER = np.random.default_rng(0).permutation(len(LABELS))
MINE, REAL = ORDER[:850], ORDER[850:]
CAS = Learning(width=8, strength=0.0, updates=150, evaluations=3, learning_rate=0.01)


def pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def judge(images, labels, **others):
    given = {"features": pixels, "cas": None, "seeds": 3} | others
    return compare(images, labels, IMAGES[REAL], LABELS[REAL], **given)


def value(found, figure):
    return found["figures"][figure]["value"]


def floor(found, figure):
    return found["figures"][figure]["floor"]


@pytest.fixture(scope="module")
def real():
    """Real images, judged by real images."""
    return judge(IMAGES[MINE], LABELS[MINE], cas=CAS)


@pytest.fixture(scope="module")
def shuffled():
    """The same with labels that have nothing to do with them."""
    labels = np.random.default_rng(1).permutation(LABELS[MINE])
    return judge(IMAGES[MINE], labels, cas=CAS)


@pytest.fixture(scope="module")
def dropped():
    """The same without the zeros."""
    kept = MINE[LABELS[MINE] != 0]
    return judge(IMAGES[kept], LABELS[kept], cas=CAS)


def test_real_images_are_as_good_as_real_ones(real):
    gap = real["cas"]["gap"]
    assert gap["low"] <= 0 <= gap["high"]
    assert real["cas"]["real"]["accuracy"]["estimate"] > 0.85
    assert value(real, "frechet") == pytest.approx(floor(real, "frechet"), rel=0.3)
    for figure in ("precision", "recall", "coverage", "density"):
        assert value(real, figure) == pytest.approx(floor(real, figure), abs=0.1)
    assert abs(value(real, "kernel")) < 4 * real["figures"]["kernel"]["value_standard_error"]
    assert value(real, "copying") > -3
    assert value(real, "exact_copies") == 0


def test_wrong_labels_are_told_by_the_cas_and_the_classes_alone(real, shuffled):
    assert shuffled["cas"]["gap"]["low"] > 0.5
    assert value(shuffled, "frechet") == pytest.approx(value(real, "frechet"), rel=0.3)
    assert value(shuffled, "coverage") > 0.9
    by_class = [np.mean(own["figures_by_class"]["precision"]["values"]) for own in (real, shuffled)]
    assert by_class[0] > 0.8
    assert by_class[1] < 0.4


def test_a_dropped_class_is_told_by_recall_and_by_its_class(real, dropped):
    assert value(dropped, "recall") < value(real, "recall") - 0.05
    assert value(dropped, "coverage") < value(real, "coverage") - 0.05
    assert value(dropped, "precision") > 0.9
    assert dropped["counts"]["judged_by_class"][0] == 0
    assert dropped["figures_by_class"]["recall"]["values"][0] is None
    gaps = [own["estimate"] for own in dropped["cas"]["gap_by_class"]]
    assert np.argmax(gaps) == 0
    assert gaps[0] > 0.8
    assert dropped["notes"] == ["the judged images: no image of class 0"]


def test_a_memorised_set_is_told_by_the_copying_statistic_alone():
    few = REAL[::3]
    found = judge(
        IMAGES[few].repeat(3, axis=0),
        LABELS[few].repeat(3),
        trained_on=IMAGES[few],
        test=(IMAGES[MINE], LABELS[MINE]),
    )
    assert value(found, "copying") < -10
    assert abs(floor(found, "copying")) < 3
    assert value(found, "authenticity") == 0
    assert value(found, "exact_copies") == 1
    assert value(found, "precision") > 0.9


def test_the_same_arguments_give_the_same_result(real):
    assert judge(IMAGES[MINE], LABELS[MINE], cas=CAS) == real
    assert judge(IMAGES[MINE], LABELS[MINE], seed=1)["figures"] != real["figures"]


def test_both_sides_of_the_cas_are_trained_alike(real):
    cas, counts = real["cas"], real["counts"]
    assert cas["images"] == min(counts["judged"], counts["fit"])
    assert cas["test_images"] == counts["test"]
    assert cas["learning"]["updates"] == 150
    assert len(cas["real"]["chosen_updates"]) == len(cas["judged"]["chosen_updates"]) == 3
    assert cas["gap"]["estimate"] == pytest.approx(
        cas["real"]["accuracy"]["estimate"] - cas["judged"]["accuracy"]["estimate"]
    )
    by_class = np.array(cas["real"]["by_class"]) - np.array(cas["judged"]["by_class"])
    assert [own["estimate"] for own in cas["gap_by_class"]] == pytest.approx(by_class.tolist())


def test_the_example_runs():
    assert doctest.testmod(comparison).failed == 0


def test_the_features_are_named(real):
    assert real["features"]["name"] == "pixels"
    assert real["features"]["sha256"] is None
    assert real["features"]["size"] == 64


def source():
    labels = LABELS[REAL].astype(np.int32)
    names = tuple(map(str, range(10)))
    return Source(Dataset("digits", IMAGES[REAL][..., None], labels, names))


def test_images_without_labels_have_neither_cas_nor_classes():
    whole = source()
    parted = seal(whole, trained_on=None, test_fraction=0.4, seed=0)
    judged = replace(
        whole.train,
        name="unknown",
        images=IMAGES[MINE][..., None],
        labels=np.zeros(len(MINE), np.int32),
        class_names=(),
    )
    found = compare_sets(judged, real_side(parted, seed=0), features=pixels, cas=CAS)
    assert found["cas"] is None
    assert found["figures_by_class"] is None
    assert found["notes"] == ["unknown has no labels: neither CAS nor figures per class"]
    assert value(found, "coverage") > 0.9


def test_classes_are_matched_by_name():
    judged = Dataset(
        "mine", IMAGES[:4, ..., None], np.array([0, 1, 2, 0], np.int32), ("7", "3", "1")
    )
    names = tuple(map(str, range(10)))
    assert with_classes_of(judged, names).labels.tolist() == [7, 3, 1, 7]
    with pytest.raises(UserError, match="mine has the class cat, which the real images do not"):
        with_classes_of(replace(judged, class_names=("7", "cat", "1")), names)


@pytest.mark.parametrize(
    ("rows", "size", "others", "said"),
    [
        (slice(0, 850), 8, {"seeds": 1}, "seeds must be at least 2, not 1"),
        (slice(0, 6), 8, {}, "has 6 images; at least 10"),
        (
            slice(0, 850),
            12,
            {},
            "has images of 16x16 pixels and 1 channel, the real ones are of 8x8",
        ),
        (slice(0, 850), 8, {"seed": -1}, "seed must be at least 0"),
        (slice(0, 850), 8, {"trained_on": IMAGES[REAL]}, "0 images are left"),
    ],
)
def test_what_cannot_be_compared_is_refused(rows, size, others, said):
    images = np.pad(IMAGES[MINE][rows], ((0, 0), (0, size - 8), (0, size - 8)))
    with pytest.raises(UserError, match=said):
        judge(images, LABELS[MINE][rows], **others)
