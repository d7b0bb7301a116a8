"""The network that judges Fashion-MNIST is the one on record, and still means the same."""

import json

import numpy as np
import pytest

from experiments import feature_network

RECORD = json.loads(feature_network.RECORD.read_text())


def test_the_weights_are_those_on_record():
    assert feature_network.sha256() == RECORD["sha256"]
    assert feature_network.WEIGHTS.stat().st_size < 1_000_000


def test_the_code_makes_of_them_what_it_made():
    assert feature_network.probe() == pytest.approx(RECORD["probe"], rel=1e-4)


def test_images_are_padded_and_seen_alone():
    features = feature_network.load()
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    together = features(images)
    assert together.shape == (3, feature_network.NETWORK["features"])
    np.testing.assert_allclose(features(images[1:2])[0], together[1], rtol=1e-4, atol=1e-4)


def test_moments_come_in_parts_without_a_difference():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 32, 32, 1), dtype=np.uint8)
    found = feature_network.moments_of(lambda x: x.reshape(len(x), -1)[:, :7], images)
    assert found.images == 30
    np.testing.assert_allclose(found.mean, images.reshape(30, -1)[:, :7].mean(axis=0))
