"""A classifier's features are what its last layer sees."""

import jax
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError

NETWORK = {"size": 8, "width": 4, "features": 6}


def test_the_last_layer_of_the_features_gives_the_classifiers_logits():
    classifier = models.conv_classifier(**NETWORK, classes=3)
    variables = classifier.init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (5, 8, 8, 1), minval=-1.0)
    logits, _ = jax.jit(classifier.apply)(variables, images)
    features, updates = jax.jit(models.conv_features(**NETWORK).apply)(variables, images)
    assert features.shape == (5, 6)
    assert updates == {}
    assert float(features.min()) >= 0
    last = variables["params"]["Dense_1"]
    expected = features @ last["kernel"] + last["bias"].reshape(1, -1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_without_features_they_are_what_the_last_convolution_sees():
    shape = {"size": 8, "width": 4}
    classifier = models.conv_classifier(**shape, classes=3)
    variables = classifier.init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (5, 8, 8, 1), minval=-1.0)
    logits, _ = jax.jit(classifier.apply)(variables, images)
    features, _ = jax.jit(models.conv_features(**shape).apply)(variables, images)
    assert features.shape == (5, 16)  # one place of 16 channels
    last = variables["params"]["Dense_0"]
    expected = features @ last["kernel"] + last["bias"].reshape(1, -1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_without_features_a_classifier_has_one_dense_layer():
    model = models.conv_classifier(size=8, width=4, classes=3)
    layers = jax.eval_shape(model.init, jax.random.key(0))["params"]
    assert [name for name in layers if name.startswith("Dense")] == ["Dense_0"]


@pytest.mark.parametrize("wrong", [{"size": 4}, {"channels": 2}])
def test_refuses_what_the_classifier_refuses(wrong):
    with pytest.raises(UserError, match=r"at least 8 pixels|1 channel"):
        models.conv_features(**{**NETWORK, **wrong})
