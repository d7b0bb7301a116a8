"""The feature network: trained once, kept, named by its checksum, refused where it does not fit."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ganjax.data.dataset import Dataset
from ganjax.errors import UserError
from ganjax.evaluate import features
from ganjax.evaluate.features import load_features, of_function, train_features
from ganjax.evaluate.learning import Learning, learn
from ganjax.progress import Silent
from ganjax.synthesis.weights import write_weights

LEARNING = Learning(
    width=4, features=6, batch_size=8, updates=60, evaluations=3, learning_rate=0.01, strength=0.0
)


def stripes(count: int, seed: int = 0) -> Dataset:
    """Images of two classes that any network tells apart: lying and standing stripes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    images = rng.integers(0, 60, (count, 8, 8, 1))
    images[labels == 0, ::2] += 190
    images[labels == 1, :, ::2] += 190
    return Dataset("stripes", images.astype(np.uint8), labels, ("lying", "standing"))


FIT, VALIDATION = stripes(80), stripes(20, seed=1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GANJAX_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def kept(cache):
    return train_features(FIT, VALIDATION, learning=LEARNING)


def test_it_learns_and_says_what_it_is(kept):
    assert kept.see(VALIDATION.images).shape == (20, 6)
    assert kept.look(VALIDATION.images).predictions.tolist() == VALIDATION.labels.tolist()
    assert kept.name == "6 units of a classifier trained on 80 images of stripes"
    assert kept.facts["validation_accuracy"] == 1.0
    assert len(kept.sha256) == 64


def test_what_is_seen_does_not_depend_on_who_stands_beside(kept, monkeypatch):
    together = kept.see(FIT.images)
    alone = np.concatenate([kept.see(image[None]) for image in FIT.images[:3]])
    np.testing.assert_allclose(together[:3], alone, rtol=1e-5)


def test_it_is_trained_once(kept, cache, monkeypatch):
    def never(*arguments, **others):
        raise AssertionError("trained again")

    monkeypatch.setattr(features, "learn", never)
    again = train_features(FIT, VALIDATION, learning=LEARNING)
    assert again.sha256 == kept.sha256
    assert np.array_equal(again.see(VALIDATION.images), kept.see(VALIDATION.images))


@pytest.mark.parametrize(
    ("fit", "validation", "learning"),
    [
        (replace(FIT, labels=1 - FIT.labels), VALIDATION, LEARNING),
        (replace(FIT, name="others"), VALIDATION, LEARNING),
        (FIT, FIT, LEARNING),
        (FIT, VALIDATION, replace(LEARNING, seed=1)),
    ],
)
def test_other_data_or_another_way_are_another_network(kept, fit, validation, learning):
    key = features._key(FIT, VALIDATION, LEARNING)
    assert features._key(fit, validation, learning) != key
    assert features._key(stripes(80), stripes(20, seed=1), LEARNING) == key


def test_a_damaged_one_is_trained_again(kept, cache):
    (folder,) = (cache / "features").iterdir()
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="damaged"):
        load_features(folder)
    assert train_features(FIT, VALIDATION, learning=LEARNING).sha256 == kept.sha256
    assert load_features(weights).sha256 == kept.sha256  # by the file's own name too


def test_nothing_is_left_where_nothing_is_to_be_kept(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "none"))
    assert train_features(FIT, VALIDATION, learning=LEARNING, keep=False).sha256 == kept.sha256
    assert not (tmp_path / "none").exists()


def test_images_of_another_size_are_refused(kept):
    with pytest.raises(UserError, match="sees images of 8x8 pixels and 1 channel, not of 16x16"):
        kept.see(np.zeros((2, 16, 16, 3), np.uint8))


def test_weights_of_something_else_are_refused(tmp_path):
    write_weights(tmp_path, {"generator": {"kernel": np.zeros(3, np.float32)}}, {"update": 1})
    with pytest.raises(UserError, match="not those of a feature network"):
        load_features(tmp_path)
    with pytest.raises(UserError, match="holds no whole weights"):
        load_features(tmp_path / "elsewhere" / "weights.safetensors")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda images: images, "returned .* is needed"),
        (lambda images: np.zeros((1, 3)), "for 4 images"),
        (lambda images: np.full((len(images), 2), np.nan), "NaN or infinity"),
    ],
)
def test_a_function_of_one_s_own_is_checked(function, said):
    with pytest.raises(UserError, match=said):
        of_function(function).see(np.zeros((4, 8, 8, 1), np.uint8))


def test_sets_of_as_many_images_begin_alike_and_are_kept_at_their_best():
    one, same, other = (
        learn(LEARNING, own, VALIDATION, seeds=1, key=jax.random.key(0), progress=Silent(), name="")
        for own in (FIT, FIT, stripes(80, seed=2))
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, one.variables, same.variables))
    assert not jax.tree.all(jax.tree.map(np.array_equal, one.variables, other.variables))
    assert one.update[0] in (20, 40, 60)
    assert one.learning == LEARNING


def test_without_images_to_choose_by_nothing_is_trained():
    with pytest.raises(UserError, match="no class has 5 real images"):
        learn(
            LEARNING,
            FIT,
            VALIDATION.take(np.zeros(0, np.int64)),
            seeds=1,
            key=jax.random.key(0),
            progress=Silent(),
            name="",
        )


@pytest.mark.parametrize(
    ("images", "updates", "strength"),
    [(100, 600, 0.2), (6400, 1000, 0.2), (6450, 1000, 0.2), (60_000, 4000, 0.0)],
)
def test_updates_and_strength_follow_the_number_of_images(images, updates, strength):
    found = Learning().for_images(images)
    assert (found.updates, found.strength) == (updates, strength)
    assert found.for_images(1) == found


def test_updates_are_a_multiple_of_the_evaluations():
    assert Learning(updates=47, evaluations=5).for_images(1).updates == 45
    with pytest.raises(UserError, match="updates must be at least 5, not 3"):
        Learning(updates=3, evaluations=5)
