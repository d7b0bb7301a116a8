"""R3GAN's networks against the authors' code: parameters, initial weights, identity at first."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.models.modern_gan import GAIN

KEY = jax.random.key(0)
PUBLISHED = {"channels": 3, "blocks": 2, "full_size": True}


def parameters_of(model):
    return models.parameter_count(jax.eval_shape(model.init, KEY))


def of_blocks(widths, cardinalities):
    """Numbers in two residual blocks per size, by the authors' layers, of expansion 2."""
    return sum(
        2 * (2 * w * 2 * w + 2 * w * (2 * w // groups) * 9 + 2 * 2 * w)
        for w, groups in zip(widths, cardinalities, strict=True)
    )


def test_for_cifar_10_they_have_the_parameters_of_the_authors_configuration():
    """Counted from the layers of the authors' code and its preset CIFAR10, with labels."""
    widths, latents, classes = [768] * 4, 64, 10
    blocks = of_blocks(widths, [96] * 4)
    generator = blocks + 2 * latents * 768 + 768 * 4 * 4 + 768 * 3 + classes * latents
    discriminator = blocks + 3 * 768 + 768 * 4 * 4 + 768 * 768 + classes * 768
    ours = models.modern_generator(**PUBLISHED, widths=widths, classes=classes)
    assert parameters_of(ours) == generator == 20_781_952
    ours = models.modern_discriminator(**PUBLISHED, widths=widths, classes=classes)
    assert parameters_of(ours) == discriminator == 21_280_512


def test_for_ffhq_64_they_have_the_parameters_of_the_authors_configuration():
    """The preset FFHQ-64, without labels."""
    widths = [768, 768, 768, 768, 384]
    blocks = of_blocks(widths, [96, 96, 96, 96, 48]) + 768 * 384
    ours = models.modern_generator(size=64, **PUBLISHED, widths=widths)
    assert parameters_of(ours) == blocks + 64 * 768 + 768 * 4 * 4 + 384 * 3
    ours = models.modern_discriminator(size=64, **PUBLISHED, widths=widths[::-1])
    assert parameters_of(ours) == blocks + 3 * 384 + 768 * 4 * 4 + 768


def test_a_block_begins_as_the_identity():
    shape = {"size": 8, "width": 4, "latent_size": 6}
    deep = models.modern_generator(**shape, blocks=2)
    variables, latents = deep.init(KEY), deep.sample_latents(KEY, 2)
    params = {k: v for k, v in variables["params"].items() if not k.startswith("_Block")}
    shallow = models.modern_generator(**shape, blocks=0)
    without = jax.jit(shallow.apply)({"params": params}, latents)[0]
    np.testing.assert_allclose(jax.jit(deep.apply)(variables, latents)[0], without, rtol=1e-5)


def test_weights_have_the_deviations_of_the_authors_initialisation():
    """MSR's, divided within blocks by the fourth root of their number; 0 at their end."""
    shape = {"width": 32, "blocks": 2, "classes": 10, "full_size": True}
    generator = models.modern_generator(size=8, **shape).init(KEY)["params"]
    block, total = generator["_Block_0"], 4
    in_block = GAIN / total**0.25
    assert pytest.approx(np.sqrt(2 / 1.04)) == GAIN
    assert not np.any(block["Conv_2"]["kernel"])
    for kernel, deviation in (
        (block["Conv_0"]["kernel"], in_block / 64**0.5),
        (block["Conv_1"]["kernel"], in_block / (9 * 16) ** 0.5),
        (generator["Dense_0"]["kernel"], 1 / 128**0.5),
        (generator["basis"], 1.0),
        (generator["LabelledLatents_0"]["Embed_0"]["embedding"], 1 / 10**0.5),
    ):
        assert float(np.std(kernel)) == pytest.approx(deviation, rel=0.15)
    discriminator = models.modern_discriminator(size=8, **shape).init(KEY)["params"]
    embedding = discriminator["Embed_0"]["embedding"]
    assert float(np.std(embedding)) == pytest.approx((10 * 64) ** -0.5, rel=0.15)
    assert float(np.std(discriminator["basis"])) == pytest.approx(1 / 4, rel=0.15)


@pytest.mark.parametrize(
    ("width", "group_size", "inputs"),
    [(32, 16, 16), (32, 32, 32), (20, 16, 20), (2, 16, 4), (25, 16, 25)],
)
def test_groups_are_as_many_as_fit(width, group_size, inputs):
    model = models.modern_discriminator(size=8, width=width, blocks=1, group_size=group_size)
    kernel = jax.eval_shape(model.init, KEY)["params"]["_Block_0"]["Conv_1"]["kernel"]
    assert kernel.shape == (3, 3, inputs, 2 * width)


def test_training_remembers_nothing():
    model = models.modern_generator(size=8, width=4, latent_size=6)
    variables = jax.eval_shape(model.init, KEY)
    assert set(variables) == {"params"}
    apply = partial(model.apply, train=True)
    assert jax.eval_shape(apply, variables, jnp.zeros((2, 6)))[1] == {}
