"""A look sees what it should: a generator that repeats itself, a discriminator that memorised."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data.loader import Resident, normalise, to_uint8
from ganjax.data.sources import Dataset
from ganjax.synthesis.reference import features, reference
from ganjax.training import GAN, GANState, Joint, JointState, guard
from ganjax.training.watch import look_at, look_at_both, to_keep, with_best

KEY = jax.random.key(0)
CLASSES = 4


def pictures(count, seed):
    """Four classes: a bright square in each corner, its brightness and background varied."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % CLASSES
    images = rng.integers(0, 60, (count, 8, 8, 1)).astype(np.uint8)
    for i, label in enumerate(labels):
        row, column = divmod(int(label), 2)
        images[i, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += np.uint8(
            rng.integers(80, 190)
        )
    return Dataset("corners", images, labels, tuple("abcd"))


SEEN, HELD_OUT, FRESH = pictures(80, 0), pictures(40, 1), pictures(400, 2)


@pytest.fixture(scope="module")
def compared():
    return reference(SEEN, HELD_OUT, KEY)


def of_class(dataset, labels, numbers):
    """Return the n-th image of each label's class."""
    pool = Resident(jnp.asarray(dataset.images), jnp.asarray(dataset.labels))
    return normalise(pool.images)[numbers * CLASSES + labels]


def gan(sample, logits=lambda state, images, labels: jnp.zeros(len(images))):
    return GAN(init=None, step=None, sample=sample, logits=logits)


def look(compared, sample, **logits):
    state = GANState(jnp.int32(5), {}, {}, {}, (), (), *jnp.zeros(3))
    guarded = guard.guard(state, best={})
    return look_at(gan(sample, **logits), features(8, 1), CLASSES)(guarded, compared)


def honest(state, key, labels):
    return of_class(FRESH, labels, jax.random.randint(key, labels.shape, 0, 100))


def collapsed(state, key, labels):
    return of_class(FRESH, labels, 0)


def blurred(state, key, labels):
    return jnp.broadcast_to(
        honest(state, key, labels).mean(axis=(1, 2), keepdims=True), (80, 8, 8, 1)
    )


def test_a_good_generator_is_near_and_varied_others_are_not(compared):
    good, same, blur = (look(compared, own)[1] for own in (honest, collapsed, blurred))
    assert float(good["distance"]) < min(float(same["distance"]), float(blur["distance"]))
    assert 0.7 < float(good["variety"]) < 1.4
    assert float(same["variety"]) < 0.05


def test_a_discriminator_that_memorised_is_seen(compared):
    seen = normalise(compared.seen.images)

    def knows(state, images, labels):
        known = (jnp.abs(images[:, None] - seen[None]).sum(axis=(2, 3, 4)) < 1e-4).any(axis=1)
        return jnp.where(known, 3.0, -1.0)

    def fair(state, images, labels):
        return jnp.where(images.max(axis=(1, 2, 3)) > 0, 2.0, -1.0)

    assert float(look(compared, blurred, logits=knows)[1]["by_heart"]) == pytest.approx(1)
    assert abs(float(look(compared, blurred, logits=fair)[1]["by_heart"])) < 0.2


def test_the_look_is_remembered_with_its_update(compared):
    guarded, signs = look(compared, honest)
    assert float(guarded.quality) == float(signs["distance"])
    assert int(guarded.best_step) == 5


def test_larger_images_are_averaged_down_before_they_are_seen():
    image = jnp.arange(64 * 64, dtype=jnp.float32).reshape(1, 64, 64, 1) / 2048 - 1
    small = image.reshape(1, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    large = Dataset(
        "x", np.repeat(np.asarray(to_uint8(image)), 4, 0), np.int32([0, 1, 0, 1]), ("a", "b")
    )
    variables = reference(large, large, KEY).features
    np.testing.assert_allclose(features(64, 1)(variables, image), features(32, 1)(variables, small))


LOGITS = 3.0 * jax.nn.one_hot(jnp.asarray(HELD_OUT.labels), CLASSES)


def joint_state(step, classifier, generator):
    """A state whose classifier is a scale of the right answer, and whose generator is a name."""
    own = {"params": {"name": jnp.int32(generator)}}
    return JointState(
        jnp.int32(step), own, {}, own, (), (), *jnp.zeros(3), {}, (),
        {"scale": jnp.float32(classifier)}, jnp.zeros((2, 2)), jnp.zeros(2, jnp.int32),
        jnp.zeros((2, CLASSES)),
    )  # fmt: skip


def look_both(compared):
    """Looks at joint states: generator 0 is a good one, all others are blurred."""

    def sample(state, key, labels):
        pictures = honest(state, key, labels), blurred(state, key, labels)
        return jnp.where(state.ema_generator["params"]["name"] == 0, *pictures)

    order = np.argsort(np.asarray(compared.held_out.labels), kind="stable")
    logits = jnp.zeros((40, CLASSES)).at[order].set(LOGITS[np.argsort(HELD_OUT.labels)])
    joint = Joint(
        None, None, sample, lambda state, images, labels: jnp.zeros(len(images)),
        lambda state, images: state.ema_classifier["scale"] * logits,
    )  # fmt: skip
    return look_at_both(joint, look_at(joint, features(8, 1), CLASSES))


def test_the_best_classifier_and_the_best_generator_are_kept_each_of_its_own_update(compared):
    look = look_both(compared)
    first = joint_state(3, 0.1, 5)
    guarded = guard.guard(first, best=to_keep(first))
    told = []
    for state in (first, joint_state(6, 1.0, 6), joint_state(9, -1.0, 0), joint_state(12, 0.9, 7)):
        guarded = guard.replace(guarded, state=state)
        guarded, signs = look(guarded, compared)
        told.append(float(signs["probability"]))
    assert max(told) == told[1] == float(guarded.best.probability)
    assert int(guarded.best.step) == 6
    assert int(guarded.best_step) == 9
    kept = with_best(guarded)
    assert float(kept.ema_classifier["scale"]) == 1.0
    assert int(kept.ema_generator["params"]["name"]) == 0
    assert int(kept.step) == 12


def test_a_classifier_is_looked_at_class_by_class(compared):
    few = np.flatnonzero((HELD_OUT.labels > 0) | (np.arange(40) < 4))  # one image of class 0
    own = HELD_OUT.take(few)
    held_out = Resident(jnp.asarray(own.images), jnp.asarray(own.labels))

    def always_the_first(state, images):
        return jnp.log(jnp.tile(jnp.array([[0.7, 0.1, 0.1, 0.1]]), (len(images), 1)))

    joint = Joint(None, None, blurred, lambda *given: jnp.zeros(len(given[1])), always_the_first)
    state = joint_state(1, 1.0, 1)
    look = look_at_both(joint, look_at(joint, features(8, 1), CLASSES))
    _, signs = look(guard.guard(state, best=to_keep(state)), compared._replace(held_out=held_out))
    assert float(signs["accuracy"]) == pytest.approx(1 / 4)
    assert float(signs["probability"]) == pytest.approx((0.7 + 3 * 0.1) / 4)
