"""Training learns: a GAN makes images of the class it is asked for, a classifier tells them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, training
from ganjax.ops import policy
from ganjax.training import penalties
from ganjax.training.loop import repeat
from ganjax.typing import Batch

SIDE = 8
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def halves() -> Batch:
    """Class 0 is bright on the left, class 1 on the right; no two images are alike."""
    rng = np.random.default_rng(0)
    labels = np.arange(128, dtype=np.int32) % 2
    images = np.full((128, SIDE, SIDE, 1), -0.8, np.float32)
    images[labels == 0, :, : SIDE // 2] = 0.8
    images[labels == 1, :, SIDE // 2 :] = 0.8
    images += rng.normal(scale=0.1, size=images.shape)
    return Batch(jnp.asarray(images.clip(-1, 1)), jnp.asarray(labels))


def draw(key, data):
    indices = jax.random.randint(key, (32,), 0, len(data.labels))
    return Batch(data.images[indices], data.labels[indices])


def correlation(one, other):
    return np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]


def test_a_conditional_gan_learns_which_class_is_which(halves):
    gan = training.gan(
        models.mlp_generator(size=SIDE, widths=(32, 64), classes=2, latent_size=16),
        models.mlp_discriminator(size=SIDE, widths=(64, 32), classes=2),
        augment=(policy.diffaugment()[0],),
        generator_optimizer=training.adam(2e-3),
        discriminator_optimizer=training.adam(2e-3),
        penalties=(penalties.r1(0.1),),
        ema_decay=0.98,
    )
    state, metrics = repeat(gan.step, draw)(jax.jit(gan.init)(KEY), halves, KEY, steps=400)
    assert all(np.isfinite(value) for value in metrics.values())
    labels = jnp.arange(64, dtype=jnp.int32) % 2
    images = np.asarray(jax.jit(gan.sample)(state, KEY, labels))
    real = np.asarray(halves.images)
    for label in (0, 1):
        made = images[label::2].mean(axis=0)
        assert correlation(made, real[label::2].mean(axis=0)) > 0.9
        assert correlation(made, real[1 - label :: 2].mean(axis=0)) < 0


def test_a_classifier_learns_to_tell_the_classes(halves):
    model = models.conv_classifier(size=SIDE, classes=2, width=4)
    classifier = training.classifier(model, augment=policy.classical()[-2:])
    call = repeat(classifier.step, draw)
    state, first = call(jax.jit(classifier.init)(KEY), halves, KEY, steps=50)
    state, last = call(state, halves, KEY, steps=50)
    assert last["loss"] < first["loss"]
    predictions = jax.jit(classifier.logits)(state, halves.images).argmax(axis=-1)
    assert (predictions == halves.labels).mean() > 0.95
