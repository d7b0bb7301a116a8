"""The residual GANs against their papers: parameters, initial weights, spectral normalisation."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError
from ganjax.models.attention import SelfAttention
from ganjax.models.layers import Conv, Dense, glorot_uniform, orthogonal
from ganjax.models.normalization import BatchNorm, ConditionalBatchNorm

KEY = jax.random.key(0)
COLOUR = {"channels": 3, "full_size": True}


def parameters_of(model):
    return models.parameter_count(jax.eval_shape(model.init, KEY))


# Counts that others have published, or asserted in their own tests.


def test_biggan_for_imagenet_has_the_published_parameters():
    """Counts in compare_gan's resnet_biggan_test.py, which are those of the paper's own network."""
    generator = models.resnet_generator(
        size=128, **COLOUR, widths=(1536, 1536, 768, 384, 192, 96), classes=1000, latent_size=120,
        attention=64, embedding_size=128, split_latents=True, spectral=True, orthogonal_init=True,
    )  # fmt: skip
    discriminator = models.resnet_discriminator(
        size=128, **COLOUR, widths=(96, 192, 384, 768, 1536, 1536), classes=1000, attention=64,
        orthogonal_init=True,
    )  # fmt: skip
    assert parameters_of(generator) == 70_433_988
    assert parameters_of(discriminator) == 87_982_370


def test_biggan_for_cifar_10_has_the_4_3_million_parameters_of_its_authors():
    """Issue 78 of BigGAN-PyTorch; to the digit, by the layers of its launch_cifar_ema.sh."""
    generator = models.resnet_generator(**COLOUR, widths=(256,) * 4, classes=10)
    convolutions = 3 * (2 * (9 * 256 * 256 + 256) + 256 * 256 + 256)
    scales_and_biases = 6 * 2 * 10 * 256
    rest = (128 + 1) * 16 * 256 + 2 * 256 + 9 * 256 * 3 + 3
    assert parameters_of(generator) == convolutions + scales_and_biases + rest == 4_304_387


# Counted here from the tables 3a and 3b of the appendix of arXiv 1802.05957.


def test_sngan_for_cifar_10_has_the_parameters_of_the_papers_table():
    def conv(size, inputs, outputs):
        return size * size * inputs * outputs + outputs

    def batch_norm(width):
        return 2 * width

    w = 256
    up = 2 * batch_norm(w) + 2 * conv(3, w, w) + conv(1, w, w)
    generator = (128 + 1) * 4 * 4 * w + 3 * up + batch_norm(w) + conv(3, w, 3)
    w = 128
    first = conv(3, 3, w) + conv(3, w, w) + conv(1, 3, w)
    down = 2 * conv(3, w, w) + conv(1, w, w)
    discriminator = first + down + 2 * 2 * conv(3, w, w) + w + 1
    ours = models.resnet_generator(**COLOUR, widths=(256,) * 4)
    assert parameters_of(ours) == generator == 4_276_739
    ours = models.resnet_discriminator(**COLOUR, widths=(128,) * 4, smallest=8, flat=2)
    assert parameters_of(ours) == discriminator == 1_053_825


def test_sngan_widens_at_the_second_convolution_and_biggan_at_the_first():
    shape = {"size": 16, "width": 4, "spectral": False}
    for wide, inner in ((True, 8), (False, 4)):
        model = models.resnet_discriminator(**shape, wide=wide)
        block = jax.eval_shape(model.init, KEY)["params"]["_DiscriminatorBlock_1"]
        assert block["Conv_0"]["kernel"].shape == (3, 3, 4, inner)
        assert block["Conv_1"]["kernel"].shape == (3, 3, inner, 8)


# Initial weights.


def test_glorots_weights_fill_their_interval():
    kernel = glorot_uniform(2.0)(KEY, (3, 3, 40, 60))
    limit = 2 * (6 / (9 * (40 + 60))) ** 0.5
    np.testing.assert_allclose([kernel.min(), kernel.max()], [-limit, limit], rtol=0.01)
    np.testing.assert_allclose(kernel.std(), limit / 3**0.5, rtol=0.02)


@pytest.mark.parametrize("shape", [(3, 3, 2, 6), (1, 1, 4, 9)], ids=str)
def test_orthogonal_kernels_are_orthonormal_along_their_shorter_side(shape):
    matrix = orthogonal()(KEY, shape).reshape(-1, shape[-1])
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-5)


def test_attention_begins_switched_off_and_is_a_weighted_mean():
    images = jax.random.normal(KEY, (2, 4, 4, 8))
    attention = SelfAttention(glorot_uniform(), False)
    variables = attention.init(KEY, images)
    np.testing.assert_array_equal(attention.apply(variables, images), images)
    params = variables["params"]
    found = attention.apply({"params": {**params, "gamma": jnp.ones(())}}, images)

    def largest(pixels):  # of every block of two by two
        return pixels.reshape(2, 2, 2, 2, 2, -1).max(axis=(2, 4)).reshape(2, 4, -1)

    theta, phi, g, o = (
        np.asarray(params[name]["kernel"][0, 0], np.float64) for name in ("theta", "phi", "g", "o")
    )
    pixels = np.asarray(images, np.float64)
    likeness = (pixels.reshape(2, 16, 8) @ theta) @ largest(pixels @ phi).swapaxes(1, 2)
    weights = np.exp(likeness) / np.exp(likeness).sum(axis=-1, keepdims=True)
    seen = (weights @ largest(pixels @ g)).reshape(2, 4, 4, -1)
    np.testing.assert_allclose(found, pixels + seen @ o, atol=1e-5)


# Normalisation.


def test_every_label_has_its_own_scale_and_bias():
    images = jax.random.normal(KEY, (6, 4, 4, 3))
    labels = jnp.arange(6) % 2
    norm = ConditionalBatchNorm(False, classes=2)
    variables = norm.init(KEY, images, labels)
    plain = BatchNorm(False).init_with_output(KEY, images)[0]
    as_is, _ = norm.apply(variables, images, labels, mutable=["batch_stats"])
    np.testing.assert_allclose(as_is, plain, atol=1e-5)
    scale, bias = jnp.array([[1.0, 2, 3], [4, 5, 6]]), jnp.array([[0.0, 0, 1], [7, 8, 9]])
    params = {"scale": {"embedding": scale}, "bias": {"embedding": bias}}
    given = {**variables, "params": params}
    found, _ = norm.apply(given, images, labels, mutable=["batch_stats"])
    expected = plain * scale[labels][:, None, None] + bias[labels][:, None, None]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_of_vectors_scale_and_bias_are_linear():
    images, vectors = jax.random.normal(KEY, (4, 2, 2, 3)), jax.random.normal(KEY, (4, 5))
    norm = ConditionalBatchNorm(False)
    variables = norm.init(KEY, images, vectors)
    weights = {name: variables["params"][name]["kernel"] for name in ("scale", "bias")}
    plain = BatchNorm(False).init_with_output(KEY, images)[0]
    found, _ = norm.apply(variables, images, vectors, mutable=["batch_stats"])
    scale, bias = 1 + vectors @ weights["scale"], vectors @ weights["bias"]
    expected = plain * scale[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "layer", [Conv(6, spectral=True), Dense(6, spectral=True)], ids=["conv", "dense"]
)
def test_a_layer_divides_its_kernel_by_the_largest_singular_value(layer):
    inputs = jax.random.normal(KEY, (2, 4, 4, 5) if isinstance(layer, Conv) else (2, 5))
    variables = layer.init(KEY, inputs)
    apply = jax.jit(partial(layer.apply, mutable=["spectral"]))
    for _ in range(50):
        outputs, updates = apply(variables, inputs)
        variables = {**variables, **updates}
    kernel = variables["params"]["kernel"]
    largest = np.linalg.svd(np.asarray(kernel).reshape(-1, 6), compute_uv=False)[0]
    params = {**variables["params"], "kernel": kernel / largest}
    plain = layer.clone(spectral=False).apply({"params": params}, inputs)
    np.testing.assert_allclose(outputs, plain, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def discriminator():
    model = models.resnet_discriminator(size=8, width=4, classes=3)
    return model, model.init(KEY), jax.jit(partial(model.apply, train=True))


IMAGES, LABELS = jax.random.normal(KEY, (8, 8, 8, 1)), jnp.arange(8) % 3


def test_every_kernel_of_a_discriminator_is_normalised(discriminator):
    _, variables, _ = discriminator
    kernels = [path for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"])
               if leaf.ndim > 1]  # fmt: skip
    assert len(kernels) == len(jax.tree.leaves(variables["spectral"])) > 5


def test_at_first_the_norms_are_known_within_a_tenth(discriminator):
    """So that the first updates do not see kernels much too long."""
    _, variables, _ = discriminator
    for block, layers in variables["spectral"]["_DiscriminatorBlock_0"].items():
        u = layers["u"] if "u" in layers else layers["Conv_0"]["u"]
        own = variables["params"]["_DiscriminatorBlock_0"][block]
        matrix = own.get("kernel", own.get("Conv_0", own).get("kernel"))
        matrix = np.asarray(matrix).reshape(-1, len(u))
        largest = np.linalg.svd(matrix, compute_uv=False)[0]
        assert np.linalg.norm(matrix @ u) > 0.9 * largest


def test_vectors_depend_on_parameters_alone_and_only_training_changes_them(discriminator):
    model, variables, train = discriminator
    logits, updates = train(variables, IMAGES, LABELS)
    assert set(updates) == {"spectral"}
    _, others = train(variables, 5 * IMAGES[::-1], LABELS)
    chex.assert_trees_all_equal(updates, others)
    moved = jax.tree.map(
        lambda a, b: bool(jnp.any(a != b)), variables["spectral"], updates["spectral"]
    )
    assert any(jax.tree.leaves(moved))
    again, nothing = jax.jit(model.apply)(variables, IMAGES, LABELS)
    assert nothing == {}
    np.testing.assert_allclose(again, logits, rtol=1e-5)


def test_gradients_move_no_kernel_along_itself(discriminator):
    """A longer kernel is the same kernel: after normalisation its length has no gradient."""
    _, variables, train = discriminator
    for _ in range(30):
        variables = {**variables, **train(variables, IMAGES, LABELS)[1]}

    def loss(params):
        return jnp.sum(jnp.square(train({**variables, "params": params}, IMAGES, LABELS)[0]))

    params = variables["params"]
    for (path, own), gradient in zip(
        jax.tree_util.tree_leaves_with_path(params),
        jax.tree.leaves(jax.jit(jax.grad(loss))(params)),
        strict=True,
    ):  # fmt: skip
        if own.ndim > 1:
            along = jnp.sum(own * gradient)
            most = jnp.linalg.norm(own.ravel()) * jnp.linalg.norm(gradient.ravel())
            assert abs(along) < 0.01 * most, jax.tree_util.keystr(path)


def test_on_eight_devices_all_is_as_on_one(discriminator):
    model, variables, train = discriminator
    parts = jax.tree.map(lambda a: a.reshape(8, 1, *a.shape[1:]), (IMAGES, LABELS))
    apply = partial(model.apply, train=True, axis_name="devices")
    logits, updates = jax.pmap(apply, "devices", in_axes=(None, 0, 0))(variables, *parts)
    expected, own = train(variables, IMAGES, LABELS)
    np.testing.assert_allclose(logits.ravel(), expected, rtol=1e-4)
    for device in range(8):
        mine = jax.tree.map(lambda leaf, i=device: leaf[i], updates)
        chex.assert_trees_all_close(mine, own, atol=1e-6)


def test_on_eight_devices_a_generators_statistics_are_those_of_the_whole_batch():
    model = models.resnet_generator(size=8, width=4, classes=3, latent_size=6)
    shapes = jax.eval_shape(model.init, KEY)
    variables = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.1), shapes)
    latents, labels = model.sample_latents(KEY, 16), jnp.arange(16) % 3
    parts = jax.tree.map(lambda a: a.reshape(8, 2, *a.shape[1:]), (latents, labels))
    apply = partial(model.apply, train=True, axis_name="devices")
    images, updates = jax.pmap(apply, "devices", in_axes=(None, 0, 0))(variables, *parts)
    expected, own = jax.jit(partial(model.apply, train=True))(variables, latents, labels)
    np.testing.assert_allclose(images.reshape(expected.shape), expected, atol=1e-4)
    for device in (0, 7):
        mine = jax.tree.map(lambda leaf, i=device: leaf[i], updates)
        chex.assert_trees_all_close(mine, own, atol=1e-5)


def test_several_discriminators_side_by_side_are_each_itself(discriminator):
    model, variables, train = discriminator
    each = [jax.tree.map(lambda leaf, by=by: by * leaf + 0.01, variables) for by in (0.5, 2.0)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    apply = jax.jit(jax.vmap(partial(model.apply, train=True), in_axes=(0, None, None)))
    together = apply(stacked, IMAGES, LABELS)
    for i, own in enumerate(each):
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        chex.assert_trees_all_close(mine, train(own, IMAGES, LABELS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attention": 7}, "attention is possible at a side of 8 or 16 pixels, not 7"),
        ({"split_latents": True, "latent_size": 10}, "split into 3 parts.*not 10"),
        ({"split_latents": True, "latent_size": 9, "classes": 3}, "needs embedding_size"),
    ],
    ids=str,
)
def test_a_generators_wrong_options_are_said(wrong, said):
    with pytest.raises(UserError, match=said):
        models.resnet_generator(size=32, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attention": 16}, "attention is possible at a side of 4 or 8 pixels, not 16"),
        ({"smallest": 16}, "a power of two from 4 to 8 pixels, not 16"),
        ({"smallest": 6}, "not 6"),
    ],
    ids=str,
)
def test_a_discriminators_wrong_options_are_said(wrong, said):
    with pytest.raises(UserError, match=said):
        models.resnet_discriminator(size=32, **wrong)
