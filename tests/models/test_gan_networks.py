"""What the residual GANs of both families have in common: shapes, labels, parts of a batch, R1."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError
from ganjax.ops import regularizers

KEY = jax.random.key(0)
SMALL = {"size": 8, "channels": 3, "classes": 5, "width": 4}
GENERATORS = {
    "resnet": models.resnet_generator,
    "resnet with everything": partial(
        models.resnet_generator,
        attention=8,
        embedding_size=6,
        split_latents=True,
        latent_size=12,
        spectral=True,
    ),
    "modern": models.modern_generator,
    "modern at half size": partial(models.modern_generator, full_size=False),
}
DISCRIMINATORS = {
    "resnet": models.resnet_discriminator,
    "resnet with attention": partial(models.resnet_discriminator, attention=4, wide=False),
    "resnet without spectral normalisation": partial(models.resnet_discriminator, spectral=False),
    "modern": models.modern_discriminator,
    "modern at half size": partial(models.modern_discriminator, full_size=False),
}
SHAPES = [
    (size, channels, classes)
    for size in (8, 16, 32, 64, 128)
    for channels, classes in ((1, None), (3, 5))
]

every_generator = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
every_discriminator = pytest.mark.parametrize("build", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
every_shape = pytest.mark.parametrize(("size", "channels", "classes"), SHAPES)


def labels_for(classes, batch=4):
    return None if classes is None else jnp.arange(batch, dtype=jnp.int32) % classes


def variables_of(model):
    """Random variables of a network's structure: no compiling, and no block is the identity."""
    rng = np.random.default_rng(0)

    def fill(path, leaf):
        is_variance = jax.tree_util.keystr(path).endswith("['var']")
        values = np.ones(leaf.shape) if is_variance else rng.normal(scale=0.3, size=leaf.shape)
        return jnp.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(model.init, KEY))


@every_shape
@pytest.mark.parametrize("build", [models.resnet_generator, models.modern_generator])
def test_a_generator_makes_images_of_the_asked_shape(build, size, channels, classes):
    generator = build(size=size, channels=channels, classes=classes, width=4, latent_size=12)

    def images(key, labels, *, train):
        latents = generator.sample_latents(key, 4)
        return generator.apply(generator.init(key), latents, labels, train=train)[0]

    for train in (False, True):
        shape = jax.eval_shape(partial(images, train=train), KEY, labels_for(classes))
        assert (shape.shape, shape.dtype) == ((4, size, size, channels), jnp.float32)


@every_shape
@pytest.mark.parametrize("build", [models.resnet_discriminator, models.modern_discriminator])
def test_a_discriminator_gives_one_logit_per_image(build, size, channels, classes):
    discriminator = build(size=size, channels=channels, classes=classes, width=4)

    def logits(key, labels):
        images = jnp.zeros((4, size, size, channels))
        return discriminator.apply(discriminator.init(key), images, labels)[0]

    chex.assert_shape(jax.eval_shape(logits, KEY, labels_for(classes)), (4,))


@pytest.fixture(scope="module", params=GENERATORS.values(), ids=GENERATORS)
def generator(request):
    model = request.param(**SMALL, latent_size=12)
    return model, variables_of(model)


@pytest.fixture(scope="module", params=DISCRIMINATORS.values(), ids=DISCRIMINATORS)
def discriminator(request):
    model = request.param(**SMALL)
    return model, variables_of(model)


def test_images_stay_in_range_and_label_and_latents_change_them(generator):
    model, variables = generator
    apply = jax.jit(model.apply)
    latents = 3 * model.sample_latents(KEY, 4)
    images, updates = apply(variables, latents, jnp.zeros(4, jnp.int32))
    assert updates == {}
    assert jnp.isfinite(images).all()
    assert jnp.abs(images).max() <= 1
    others, _ = apply(variables, latents, jnp.ones(4, jnp.int32))
    assert (jnp.abs(images - others).max(axis=(1, 2, 3)) > 1e-4).all()
    assert (jnp.abs(images[:1] - images[1:]).max(axis=(1, 2, 3)) > 1e-4).all()


def test_what_training_remembers_has_the_structure_of_the_variables(generator):
    model, variables = generator
    latents = model.sample_latents(KEY, 4)
    apply = partial(jax.jit(partial(model.apply, train=True)), variables, latents)
    _, updates = apply(labels_for(5))
    remembered = {name: own for name, own in variables.items() if name != "params"}
    assert set(updates) == set(remembered)
    chex.assert_trees_all_equal_shapes_and_dtypes(dict(updates), remembered)


def test_an_image_alone_decides_its_logit_and_the_label_does_too(discriminator):
    model, variables = discriminator
    images = jax.random.normal(KEY, (4, 8, 8, 3))
    apply = jax.jit(partial(model.apply, train=True))
    one, _ = apply(variables, images, jnp.zeros(4, jnp.int32))
    other, _ = apply(variables, images.at[1:].set(0.5), jnp.zeros(4, jnp.int32))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-4)
    assert (jnp.abs(one - other)[1:] > 1e-4).all()
    relabelled, _ = apply(variables, images, jnp.ones(4, jnp.int32))
    assert (jnp.abs(one - relabelled) > 1e-5).all()


def test_the_slope_penalty_has_one_gradient_forward_and_backward(discriminator):
    """R1's gradient along itself, by forward derivatives, is the square of its length."""
    model, variables = discriminator
    images, labels = jax.random.normal(KEY, (4, 8, 8, 3)), labels_for(5)

    def penalty(params):
        def logits(images):
            return model.apply({**variables, "params": params}, images, labels, train=True)[0]

        return jnp.mean(regularizers.r1(logits, images))

    @jax.jit
    def both(params):
        value, gradient = jax.value_and_grad(penalty)(params)
        _, along = jax.jvp(penalty, (params,), (gradient,))
        squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)]
        return value, along, jnp.sum(jnp.stack(squares)), jnp.min(jnp.stack(squares))

    value, along, squared, least = both(variables["params"])
    assert value > 0
    assert least >= 0  # and no NaN
    np.testing.assert_allclose(along, squared, rtol=1e-3)


@pytest.mark.parametrize("build", [*GENERATORS.values(), *DISCRIMINATORS.values()])
def test_in_bfloat16_outputs_and_what_is_remembered_stay_float32(build):
    model = build(**SMALL)
    make = getattr(model, "sample_latents", None)
    inputs = make(KEY, 4) if make else jnp.zeros((4, 8, 8, 3))
    apply = partial(models.in_bfloat16(model).apply, train=True)
    variables = jax.eval_shape(model.init, KEY)
    found = jax.eval_shape(apply, variables, inputs, labels_for(5))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(jnp.float32)}


BUILDERS = (
    models.resnet_generator,
    models.resnet_discriminator,
    models.modern_generator,
    models.modern_discriminator,
)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 30}, "not 30"),
        ({"channels": 2}, "not 2"),
        ({"classes": 1}, "not 1"),
        ({"size": 32, "widths": (8,)}, r"widths, each at least 1, not \[8\]"),
    ],
    ids=str,
)
def test_what_is_out_of_range_is_said(build, wrong, said):
    with pytest.raises(UserError, match=said):
        build(**wrong)


def test_a_stage_without_channels_is_refused():
    with pytest.raises(UserError, match=r"2 widths, each at least 1, not \[4, 0\]"):
        models.modern_generator(size=8, widths=(4, 0))
