"""The residual classifier against its paper: layers, parameters, shapes, batch statistics."""

import chex
import jax
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError

KEY = jax.random.key(0)


@pytest.mark.parametrize(("depth", "thousands"), [(20, 270), (32, 460), (44, 660), (56, 850)])
def test_parameters_are_those_of_the_paper(depth, thousands):
    """Table 6 of arXiv 1512.03385, which counts no 1x1 shortcuts: they are 2,560 more."""
    model = models.resnet_classifier(classes=10, depth=depth)
    variables = jax.eval_shape(model.init, KEY)
    count = models.parameter_count(variables) - 2560
    assert count == pytest.approx(1000 * thousands, rel=0.02)


def test_depth_8_has_as_many_parameters_as_counted_by_hand():
    def batch_norm(width):
        return 2 * width

    blocks = sum(
        9 * before * after
        + 9 * after * after
        + 2 * batch_norm(after)
        + (before * after if before != after else 0)
        for before, after in ((16, 16), (16, 32), (32, 64))
    )
    expected = 9 * 3 * 16 + batch_norm(16) + blocks + 64 * 10 + 10
    model = models.resnet_classifier(classes=10)
    assert models.parameter_count(jax.eval_shape(model.init, KEY)) == expected == 77_850


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
def test_shapes_and_statistics(size, channels):
    model = models.resnet_classifier(size=size, channels=channels, classes=5, width=4)
    variables = model.init(KEY)
    images = jax.random.normal(KEY, (6, size, size, channels))
    logits, updates = jax.jit(lambda x: model.apply(variables, x, train=True))(images)
    chex.assert_shape(logits, (6, 5))
    before, after = variables["batch_stats"], updates["batch_stats"]
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool(np.any(a != b)), before, after)))
    again, nothing = model.apply(variables, images)
    chex.assert_shape(again, (6, 5))
    assert nothing == {}


def test_without_training_images_do_not_reach_each_other():
    model = models.resnet_classifier(size=8, channels=1, classes=3, width=4)
    variables, images = model.init(KEY), jax.random.normal(KEY, (4, 8, 8, 1))
    together = model.apply(variables, images)[0]
    np.testing.assert_allclose(model.apply(variables, images[:1])[0], together[:1], atol=1e-5)


@pytest.mark.parametrize("depth", [2, 9, 10])
def test_other_depths_are_refused(depth):
    with pytest.raises(UserError, match=f"8, 14, 20, 26, ... layers, not {depth}"):
        models.resnet_classifier(classes=10, depth=depth)


def test_small_images_are_refused():
    with pytest.raises(UserError, match="at least 8 pixels"):
        models.resnet_classifier(size=4, classes=10)
