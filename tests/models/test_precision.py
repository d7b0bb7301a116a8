"""Networks in bfloat16: what is rounded, what is not, and that they still learn."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, recipe, training
from ganjax.config import ClassifierConfig, GANConfig
from ganjax.errors import UserError
from ganjax.ops import losses
from ganjax.training import penalties
from ganjax.typing import Batch

KEY = jax.random.key(0)


def networks():
    return (
        models.dcgan_generator(size=8, width=8, classes=3, latent_size=12),
        models.dcgan_discriminator(size=8, width=8, classes=3, batch_norm=False),
    )


def test_variables_and_outputs_stay_float32_and_products_do_not():
    generator, _ = networks()
    rounded = models.in_bfloat16(generator)
    variables = generator.init(KEY)
    latents, labels = generator.sample_latents(KEY, 4), jnp.arange(4) % 3
    apply = jax.jit(lambda: rounded.apply(variables, latents, labels, train=True))
    images, updates = apply()
    assert {leaf.dtype for leaf in jax.tree.leaves((images, updates))} == {jnp.dtype(jnp.float32)}
    program = str(jax.make_jaxpr(lambda: rounded.apply(variables, latents, labels, train=True))())
    products = [line for line in program.splitlines() if "ganjax_conv" in line or "dot_gen" in line]
    assert products
    assert all("bf16[" in line.split("=")[0] for line in products)


def test_the_images_are_those_of_float32_up_to_rounding():
    generator, _ = networks()
    variables = generator.init(KEY)
    latents, labels = generator.sample_latents(KEY, 16), jnp.arange(16) % 3
    exact = generator.apply(variables, latents, labels)[0]
    rounded = models.in_bfloat16(generator).apply(variables, latents, labels)[0]
    assert 0 < np.abs(exact - rounded).max() < 0.05


def test_a_step_keeps_the_state_in_float32():
    gan = training.gan(
        *map(models.in_bfloat16, networks()), loss=losses.hinge, penalties=(penalties.r1(0.1),)
    )
    state = jax.jit(gan.init)(KEY)
    batch = Batch(jnp.zeros((8, 8, 8, 1)), jnp.arange(8) % 3)
    after, metrics = jax.jit(gan.step)(state, batch, KEY)
    chex.assert_trees_all_equal_dtypes(state, after)
    chex.assert_tree_all_finite((after, metrics))
    changed = jax.tree.map(
        lambda a, b: bool(np.any(a != b)), state.generator["params"], after.generator["params"]
    )
    assert all(jax.tree.leaves(changed))


def test_auto_is_float32_on_a_cpu_and_bfloat16_elsewhere(monkeypatch):
    assert recipe.precision("auto") == "float32"
    assert recipe.precision("bfloat16") == "bfloat16"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert recipe.precision("auto") == "bfloat16"
    assert recipe.precision("float32") == "float32"


@pytest.mark.parametrize("config", [GANConfig, ClassifierConfig])
def test_other_precisions_are_refused(config):
    with pytest.raises(UserError, match="precision must be one of auto, float32, bfloat16"):
        config(precision="float16")


def test_the_recipe_builds_what_the_configuration_says():
    for precision, dtype in (("float32", "f32"), ("bfloat16", "bf16")):
        config = GANConfig(network="dcgan", width=8, precision=precision)
        generator, _ = recipe.networks(config, size=8, channels=1, classes=None)
        variables, latents = generator.init(KEY), generator.sample_latents(KEY, 2)
        program = str(jax.make_jaxpr(generator.apply)(variables, latents))
        assert ("bf16" in program) == (dtype == "bf16")
