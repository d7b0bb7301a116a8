"""Every network at every size: shapes, ranges, labels, parameters, batch statistics."""

from functools import partial
from itertools import pairwise

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError

GENERATORS = {
    "mlp": partial(models.mlp_generator, widths=(16, 32), latent_size=12),
    "dcgan": partial(models.dcgan_generator, width=8, latent_size=12),
}
DISCRIMINATORS = {
    "mlp": partial(models.mlp_discriminator, widths=(32, 16)),
    "dcgan": partial(models.dcgan_discriminator, width=8),
    "dcgan without batch norm": partial(models.dcgan_discriminator, width=8, batch_norm=False),
}
SIZES = (8, 16, 32, 64, 128)
KEY = jax.random.key(0)

every_generator = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
every_discriminator = pytest.mark.parametrize("build", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
every_shape = pytest.mark.parametrize(
    ("size", "channels", "classes"),
    [(size, channels, classes) for size in SIZES for channels in (1, 3) for classes in (None, 5)],
)


def variables_of(model):
    """Variables of a network's structure without compiling its `init`."""
    rng = np.random.default_rng(0)

    def fill(path, leaf):
        is_variance = jax.tree_util.keystr(path).endswith("['var']")
        values = np.ones(leaf.shape) if is_variance else rng.normal(scale=0.3, size=leaf.shape)
        return jnp.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(model.init, KEY))


def labels_for(classes, batch=4):
    return None if classes is None else jnp.arange(batch, dtype=jnp.int32) % classes


@every_generator
@every_shape
def test_a_generator_makes_images_of_the_asked_shape(build, size, channels, classes):
    generator = build(size=size, channels=channels, classes=classes)

    def images(key, labels, *, train):
        latents = generator.sample_latents(key, 4)
        chex.assert_shape(latents, (4, 12))
        return generator.apply(generator.init(key), latents, labels, train=train)[0]

    for train in (False, True):
        shape = jax.eval_shape(partial(images, train=train), KEY, labels_for(classes))
        chex.assert_shape(shape, (4, size, size, channels))
        assert shape.dtype == jnp.float32


@every_discriminator
@every_shape
def test_a_discriminator_gives_one_logit_per_image(build, size, channels, classes):
    discriminator = build(size=size, channels=channels, classes=classes)

    def logits(key, labels, *, train):
        images = jnp.zeros((4, size, size, channels))
        return discriminator.apply(discriminator.init(key), images, labels, train=train)[0]

    for train in (False, True):
        shape = jax.eval_shape(partial(logits, train=train), KEY, labels_for(classes))
        chex.assert_shape(shape, (4,))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_classifier_gives_one_logit_per_class(size, channels):
    model = models.conv_classifier(size=size, channels=channels, classes=5, width=4)

    def logits(key):
        return model.apply(model.init(key), jnp.zeros((4, size, size, channels)))[0]

    chex.assert_shape(jax.eval_shape(logits, KEY), (4, 5))


@every_generator
@pytest.mark.parametrize("output", [models.tanh_output, models.sigmoid_output])
def test_images_stay_in_range_and_the_label_changes_them(build, output):
    generator = build(size=8, channels=3, classes=5, output=output)
    variables = variables_of(generator)
    apply = jax.jit(generator.apply)
    latents = 5 * generator.sample_latents(KEY, 4)
    images, updates = apply(variables, latents, jnp.zeros(4, jnp.int32))
    assert jnp.isfinite(images).all()
    assert jnp.abs(images).max() <= 1
    assert updates == {}
    others, _ = apply(variables, latents, jnp.ones(4, jnp.int32))
    assert (jnp.abs(images - others).max(axis=(1, 2, 3)) > 1e-6).all()
    assert (jnp.abs(images[:1] - images[1:]).max(axis=(1, 2, 3)) > 1e-6).all()  # latents too


@every_generator
def test_at_16_pixels_a_real_image_comes_out(build):
    generator = build(size=16, channels=1)
    images, _ = jax.jit(generator.apply)(variables_of(generator), generator.sample_latents(KEY, 2))
    chex.assert_shape(images, (2, 16, 16, 1))
    assert jnp.isfinite(images).all()


@every_discriminator
def test_the_label_changes_the_logit_of_a_conditional_discriminator(build):
    discriminator = build(size=8, channels=1, classes=5)
    variables = variables_of(discriminator)
    images = jax.random.normal(KEY, (4, 8, 8, 1))
    apply = jax.jit(discriminator.apply)
    one, _ = apply(variables, images, jnp.zeros(4, jnp.int32))
    other, _ = apply(variables, images, jnp.ones(4, jnp.int32))
    assert (jnp.abs(one - other) > 1e-7).all()


@pytest.mark.parametrize("output", [models.tanh_output, models.sigmoid_output])
def test_outputs_reach_both_ends_of_the_range_and_are_centred(output):
    np.testing.assert_allclose(
        output(jnp.array([-50.0, 0.0, 50.0])), np.array([-1.0, 0.0, 1.0]), atol=1e-6
    )


def test_uniform_latents_fill_the_interval_from_minus_one_to_one():
    latents = models.uniform_latents(KEY, 1000, 5)
    chex.assert_shape(latents, (1000, 5))
    assert -1 <= latents.min() < -0.99
    assert 0.99 < latents.max() <= 1
    assert abs(latents.mean()) < 0.05


def test_normal_latents_have_mean_zero_and_deviation_one():
    latents = models.normal_latents(KEY, 1000, 5)
    assert abs(latents.mean()) < 0.05
    assert abs(latents.std() - 1) < 0.05


@every_generator
def test_a_generator_draws_the_latents_that_it_was_given(build):
    drawn = build(size=8, latents=models.uniform_latents).sample_latents(KEY, 300)
    assert drawn.shape == (300, 12)
    np.testing.assert_allclose([drawn.min(), drawn.max()], [-1, 1], atol=0.01)


def test_latent_i_is_the_same_however_many_are_drawn():
    generator = models.mlp_generator(size=8)
    seven = generator.sample_latents(KEY, 7)
    np.testing.assert_array_equal(generator.sample_latents(KEY, 3, first=4), seven[4:])


@pytest.mark.parametrize("batch_norm", [True, False])
def test_only_training_changes_batch_statistics(batch_norm):
    discriminator = models.dcgan_discriminator(size=8, width=4, batch_norm=batch_norm)
    variables = variables_of(discriminator)
    images = 1 + jax.random.normal(KEY, (4, 8, 8, 1))
    assert ("batch_stats" in variables) == batch_norm
    assert discriminator.apply(variables, images)[1] == {}
    _, updates = jax.jit(partial(discriminator.apply, train=True))(variables, images)
    if batch_norm:
        before, after = variables["batch_stats"], updates["batch_stats"]
        chex.assert_trees_all_equal_shapes(before, after)
        moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), before, after)
        assert all(jax.tree.leaves(moved))
    else:
        assert not jax.tree.leaves(updates)


def test_without_batch_norm_images_of_a_batch_do_not_influence_each_other():
    discriminator = models.dcgan_discriminator(size=8, width=4, batch_norm=False)
    apply = jax.jit(partial(discriminator.apply, train=True))
    images = jax.random.normal(KEY, (4, 8, 8, 1))
    variables = variables_of(discriminator)
    one, _ = apply(variables, images)
    other, _ = apply(variables, images.at[1:].set(0.5))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-5)
    assert abs(one[1] - other[1]) > 1e-7


def test_a_classifier_has_no_batch_statistics():
    model = models.conv_classifier(size=8, classes=3, width=4)
    variables = jax.eval_shape(model.init, KEY)
    assert set(variables) == {"params"}


@pytest.mark.parametrize("build", [models.mlp_generator, models.dcgan_generator])
def test_the_same_key_gives_the_same_weights_and_another_key_others(build):
    init = jax.jit(build(size=8).init)
    chex.assert_trees_all_equal(init(KEY), init(KEY))
    one, other = (init(key)["params"]["Dense_0"]["kernel"] for key in (KEY, jax.random.key(1)))
    assert jnp.any(one != other)


def test_dcgan_draws_weights_of_deviation_one_fiftieth():
    params = jax.jit(models.dcgan_generator(size=8, width=16).init)(KEY)["params"]
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1 and leaf.size > 1000]
    assert len(kernels) >= 3
    for kernel in kernels:
        assert abs(float(kernel.std()) - 0.02) < 0.002


def parameters_of(model):
    return models.parameter_count(jax.eval_shape(model.init, KEY))


def conv_parameters(size, inputs, outputs, *, bias=False):
    return size * size * inputs * outputs + bias * outputs


def test_dcgan_at_32_pixels_has_the_parameters_of_the_papers_layers():
    latent, width, channels = 100, 64, 3
    batch_norm = lambda features: 2 * features  # noqa: E731
    generator = (
        conv_parameters(4, latent, 4 * width)  # the first transposed convolution: 1x1 to 4x4
        + batch_norm(4 * width)
        + conv_parameters(4, 4 * width, 2 * width)
        + batch_norm(2 * width)
        + conv_parameters(4, 2 * width, width)
        + batch_norm(width)
        + conv_parameters(4, width, channels, bias=True)
    )
    discriminator = (
        conv_parameters(4, channels, width, bias=True)
        + conv_parameters(4, width, 2 * width)
        + batch_norm(2 * width)
        + conv_parameters(4, 2 * width, 4 * width)
        + batch_norm(4 * width)
        + conv_parameters(4, 4 * width, 1, bias=True)  # 4x4 to one logit
    )
    shape = {"size": 32, "channels": channels, "width": width}
    ours = models.dcgan_generator(**shape, latent_size=latent)
    assert parameters_of(ours) == pytest.approx(generator, rel=0.01)
    assert parameters_of(models.dcgan_discriminator(**shape)) == pytest.approx(
        discriminator, rel=0.01
    )


def dense_parameters(widths):
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(widths))


def test_the_tutorials_fully_connected_gan_has_their_parameters():
    assert parameters_of(models.mlp_generator()) == dense_parameters([100, 128, 256, 512, 784])
    assert parameters_of(models.mlp_discriminator()) == dense_parameters([784, 512, 256, 128, 1])


def test_parameters_are_counted_without_batch_statistics():
    variables = {"params": {"a": jnp.zeros((2, 3)), "b": jnp.zeros(4)}, "batch_stats": jnp.ones(9)}
    assert models.parameter_count(variables) == 10


ALL_BUILDERS = {
    "mlp_generator": models.mlp_generator,
    "dcgan_generator": models.dcgan_generator,
    "mlp_discriminator": models.mlp_discriminator,
    "dcgan_discriminator": models.dcgan_discriminator,
}


@pytest.mark.parametrize("build", ALL_BUILDERS.values(), ids=ALL_BUILDERS)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"channels": 2}, "not 2"), ({"classes": 1}, "not 1"), ({"classes": 0}, "not 0")],
    ids=str,
)
def test_channels_and_classes_out_of_range_are_said(build, wrong, said):
    with pytest.raises(UserError, match=said):
        build(**{"size": 8, **wrong})


@pytest.mark.parametrize("build", [models.dcgan_generator, models.dcgan_discriminator])
@pytest.mark.parametrize("size", [30, 4, 256])
def test_a_size_that_is_no_power_of_two_from_8_to_128_is_said(build, size):
    with pytest.raises(UserError, match=f"8, 16, 32, 64 or 128 pixels, not {size}"):
        build(size=size)


def test_a_classifier_of_grey_alpha_images_is_refused():
    with pytest.raises(UserError, match="not 2"):
        models.conv_classifier(size=8, channels=2, classes=3)
