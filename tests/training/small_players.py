"""Players of a few dozen parameters, and batches for them: what joint trainings are tested on."""

from functools import partial

import chex
import jax
import jax.numpy as jnp

from ganjax.data import loader
from ganjax.data.dataset import Dataset
from ganjax.data.partly import WithUnlabelled, sample_partly_labelled
from ganjax.models import Generator, Model
from ganjax.ops import spread
from ganjax.typing import PartlyLabelled

BATCH, SIDE, LATENT, CLASSES = 8, 8, 3, 3
PIXELS, HIDDEN = SIDE * SIDE, 5
RATE = 0.1
KEYS = jax.random.split(jax.random.key(7), 4)
LATENTS = jax.random.normal(KEYS[0], (BATCH, LATENT))
LABELS = jnp.arange(BATCH, dtype=jnp.int32) % CLASSES
IMAGES, OTHERS = (0.5 * jax.random.normal(key, (BATCH, SIDE, SIDE, 1)) for key in KEYS[1:3])
BATCHES = {
    "labelled alone": PartlyLabelled(IMAGES, LABELS, OTHERS[:0]),
    "unlabelled too": PartlyLabelled(IMAGES, LABELS, OTHERS),
}


def fixed_latents(key, count, *, first=0):
    return LATENTS[first : first + count]


def normal_latents(key, count, *, first=0):
    keys = jax.vmap(partial(jax.random.fold_in, key))(first + jnp.arange(count))
    return jax.vmap(lambda key: jax.random.normal(key, (LATENT,)))(keys)


def linear_generator(sample_latents=fixed_latents) -> Generator:
    """Image = W z + e_label."""

    def init(key):
        shapes = {"W": (LATENT, PIXELS), "e": (CLASSES, PIXELS)}
        return {"params": drawn(key, shapes, 0.3)}

    def apply(variables, latents, labels=None, *, train=False, axis_name=None):
        params = variables["params"]
        images = latents @ params["W"] + params["e"][labels]
        return images.reshape(-1, SIDE, SIDE, 1), {}

    return Generator(init, apply, sample_latents)


def centred_generator(sample_latents=normal_latents) -> Generator:
    """Image = W z + e_label minus the batch's mean in training, else minus the one remembered."""
    linear = linear_generator(sample_latents)

    def init(key):
        return {**linear.init(key), "batch_stats": jnp.zeros((1, SIDE, SIDE, 1))}

    def apply(variables, latents, labels=None, *, train=False, axis_name=None):
        images, _ = linear.apply(variables, latents, labels)
        if not train:
            return images - variables["batch_stats"], {}
        mean = spread.mean(jnp.mean(images, axis=0, keepdims=True), axis_name)
        return images - mean, {"batch_stats": mean}

    return Generator(init, apply, sample_latents)


def curved_answers(outputs: int) -> Model:
    """Logits = U tanh(V x), whatever the labels."""

    def init(key):
        return {"params": drawn(key, {"V": (PIXELS, HIDDEN), "U": (HIDDEN, outputs)}, 0.4)}

    def apply(variables, images, labels=None, *, train=False, axis_name=None):
        return hidden(variables["params"], images) @ variables["params"]["U"], {}

    return Model(init, apply)


def curved_features() -> Model:
    """What the last layer of `curved_answers` sees."""

    def apply(variables, images, labels=None, *, train=False, axis_name=None):
        return hidden(variables["params"], images), {}

    return Model(curved_answers(1).init, apply)


def told_discriminator() -> Model:
    """Logit = (u + e_label) . tanh(V x)."""

    def init(key):
        shapes = {"V": (PIXELS, HIDDEN), "u": (HIDDEN,), "e": (CLASSES, HIDDEN)}
        return {"params": drawn(key, shapes, 0.5)}

    def apply(variables, images, labels=None, *, train=False, axis_name=None):
        params = variables["params"]
        direction = params["u"][None] + params["e"][labels]
        return jnp.sum(direction * hidden(params, images), axis=1), {}

    return Model(init, apply)


def hidden(params, images):
    return jnp.tanh(images.reshape(-1, PIXELS) @ params["V"])


def drawn(key, shapes, scale):
    keys = jax.random.split(key, len(shapes))
    return {
        name: scale * jax.random.normal(key, shape)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def descended(params, gradient):
    """Parameters after plain descent."""
    return jax.tree.map(lambda p, g: p - RATE * g, params, gradient)


def norm(tree):
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)))


def weighed(adversarial, classification, weight):
    """(1 - w) a + w |a| / |c| c, of the first step of all."""
    factor = jnp.clip(norm(adversarial) / norm(classification), 0.1, 10.0)
    return jax.tree.map(
        lambda a, c: (1 - weight) * a + weight * factor * c, adversarial, classification
    )


def minus_log_probability(logits, labels):
    """Mean of -log p(y | x)."""
    return -jnp.mean(jnp.log(jax.nn.softmax(logits))[jnp.arange(len(labels)), labels])


def made_by(params, labels=LABELS):
    return linear_generator().apply({"params": params}, LATENTS, labels)[0]


def assert_close(one, other, **tolerance):
    chex.assert_trees_all_close(one, other, **{"rtol": 1e-4, "atol": 1e-5, **tolerance})


def toy(count, seed):
    pixels = jax.random.randint(jax.random.key(seed), (count, SIDE, SIDE, 1), 0, 256)
    labels = jnp.arange(count, dtype=jnp.int32) % CLASSES
    return Dataset("toy", *map(jax.device_get, (pixels.astype(jnp.uint8), labels)), ("a", "b", "c"))


FEW, MANY = toy(37, 0), toy(53, 1).without_labels()


def sets(unlabelled, place):
    """Both sets of a training, or the labelled one alone, placed by a function of a set."""
    return WithUnlabelled(place(FEW), place(MANY)) if unlabelled else place(FEW)


def draw(key, data, *, axis_name=None):
    """16 images of each set: two for each of eight devices."""
    return sample_partly_labelled(key, data, 16, 16, axis_name=axis_name)


on_one_device = partial(sets, place=loader.to_device)
