"""The copy audit: planted copycats are found, held-out real images pass."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ganjax.data.sources import Dataset, load
from ganjax.errors import UserError
from ganjax.synthesis.audit import audit, precedence
from ganjax.synthesis.closeness import auditor, pictures

COUNT = 300


@pytest.fixture(scope="module")
def digits():
    train = load("digits").train
    return train.take(np.random.default_rng(0).permutation(len(train)))


@pytest.fixture(scope="module")
def parts(digits):
    """Training images, held-out ones, and others that nobody has seen."""
    return tuple(digits.take(np.arange(*ends)) for ends in ((0, 800), (800, 1200), (1200, 1500)))


@pytest.fixture(scope="module")
def by(parts):
    train, held_out, _ = parts
    return auditor(train, held_out)


def noised(images):
    noise = np.random.default_rng(1).normal(0, 10, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def as_they_are(images):
    return images


def flipped(images):
    return images[:, :, ::-1]


@pytest.mark.parametrize("change", [as_they_are, flipped, noised])
@pytest.mark.parametrize("share", [1.0, 0.1, 0.02])
def test_planted_copies_are_told_and_found(parts, by, change, share):
    train, _, fresh = parts
    images = fresh.images.copy()
    planted = round(share * COUNT)
    images[:planted] = change(train.images[:planted])
    found = audit(by, images)
    assert found.holds_copies
    assert found.p_value <= 0.05
    assert found.share == pytest.approx(share, abs=0.05)
    assert found.smallest_share <= 0.02
    closeness = by.closeness(images)
    copies = by.copies(closeness)
    assert copies[:planted].mean() > 0.95
    assert copies[planted:].mean() < 0.05 if share < 1 else True
    if change is not noised:
        np.testing.assert_array_equal(closeness.nearest[:planted], np.arange(planted))
        assert (closeness.ratio[:planted] == 0).all()
        assert (closeness.mirrored[:planted] == (change is flipped)).mean() > 0.95


def test_held_out_real_images_pass(parts, by):
    found = audit(by, parts[2].images)
    assert not found.holds_copies
    assert found.called_copies <= 10
    assert found.false_alarms == pytest.approx(0.01, abs=0.003)
    assert found.held_out == 400
    assert found.left_out == 0
    assert abs(found.copying_z) < 3
    assert found.authenticity == pytest.approx(found.authenticity_of_held_out, abs=0.1)
    assert json.loads(json.dumps(found.to_json()))["training_images"] == 800


def test_of_real_sets_five_in_a_hundred_are_accused_at_most(digits):
    accused = []
    for seed in range(25):
        order = np.random.default_rng(seed).permutation(len(digits))
        train, held_out, fresh = (digits.take(rows) for rows in np.split(order[:600], [200, 400]))
        found = auditor(train, held_out)
        closeness = found.closeness(fresh.images)
        accused.append(precedence(found.calibration, closeness.ratio).p_value <= 0.05)
    assert np.sum(accused) <= 4  # of 25, at 5 %: more in 1 of 140 runs


@pytest.mark.parametrize(("n", "m"), [(20, 300), (300, 300), (1000, 50)])
def test_the_p_value_of_a_set_without_copies_is_uniform_or_larger(n, m):
    rng = np.random.default_rng(0)
    found = [precedence(np.sort(rng.random(n)), rng.random(m)).p_value for _ in range(400)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 400)
    assert np.mean(np.array(found) <= 0.5) > 0.3


def test_the_smallest_share_that_would_show_is_the_smallest_that_does():
    calibration = np.linspace(0.5, 1, 200)
    found = precedence(calibration, np.full(100, 0.9)).smallest_share
    for share, told in ((found, True), (found - 0.01, False)):
        ratios = np.full(100, 2.0)
        ratios[: round(100 * share)] = 0.1
        assert (precedence(calibration, ratios).p_value <= 0.05) == told


def test_images_that_are_merely_typical_are_no_copies(parts, by):
    train = parts[0]
    means = [train.images[train.labels == label].mean(axis=0) for label in range(10)]
    assert not by.copies(by.closeness(np.array(means).astype(np.uint8))).any()


def test_a_training_image_that_is_there_several_times_does_not_hide_its_copies(parts):
    train, held_out, _ = parts
    doubled = train.take(np.arange(COUNT).repeat(2))
    doubled = replace(doubled, images=noised(doubled.images))
    by = auditor(doubled, held_out)
    assert by.copies(by.closeness(train.images[:COUNT])).mean() > 0.95


@pytest.mark.parametrize("held_out", [0, 3, 99])
def test_to_few_held_out_images_training_images_are_added(parts, held_out):
    train, others, fresh = parts
    by = auditor(train, others.take(np.arange(held_out)) if held_out else None)
    found = audit(by, fresh.images)
    assert (found.held_out, found.left_out) == (held_out, 800)
    assert not found.holds_copies
    assert found.false_alarms == pytest.approx(0.01, abs=0.003)
    assert (found.copying is None) == (held_out < 5)
    images = np.concatenate([fresh.images[:-10], train.images[:10, :, ::-1]])
    assert audit(by, images).holds_copies


def test_of_many_training_images_some_are_compared_with(parts):
    train, held_out, _ = parts
    found = audit(auditor(train, held_out, most=100), train.images)
    assert (found.training_images, found.compared_with) == (800, 100)
    assert 90 <= found.called_copies <= 140


def test_any_features_will_do(parts):
    train, held_out, _ = parts

    def columns(images):
        return images.astype(np.float32).mean(axis=(1, 3))

    by = auditor(train, held_out, see=columns, false_alarms=0.1)
    assert by.train.shape == (800, 8)
    assert audit(by, train.images[:100]).called_copies == 100
    assert 0.05 < by.copies(by.closeness(parts[2].images)).mean() < 0.2


def test_few_images_are_audited_without_what_needs_more():
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    data = Dataset("noise", images, np.zeros(20, np.int32), ("all",))
    by = auditor(data.take(np.arange(6)), data.take(np.arange(6, 10)))
    found = audit(by, images[10:12])
    assert found.looked_at == 2
    assert found.authenticity is None
    assert found.smallest_share == 1.0
    with pytest.raises(UserError, match="at least 6 training images, not 5"):
        auditor(data.take(np.arange(5)), None)
    with pytest.raises(UserError, match=r"share of false alarms must be in \(0, 1\), not 0"):
        auditor(data, None, false_alarms=0)


class TestPictures:
    def test_brightness_and_contrast_do_not_matter(self):
        images = np.random.default_rng(0).integers(0, 100, (5, 32, 32, 3)).astype(np.uint8)
        np.testing.assert_allclose(pictures(images), pictures(2 * images + 20), atol=1e-3)

    @pytest.mark.parametrize(("size", "cells"), [(8, 8), (16, 16), (28, 16), (128, 16)])
    def test_they_are_small_and_of_unit_length(self, size, cells):
        images = np.random.default_rng(0).integers(0, 256, (5, size, size, 1)).astype(np.uint8)
        found = pictures(images)
        assert found.shape == (5, cells * cells)
        assert found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)

    def test_without_any_detail_they_are_zero(self):
        assert np.abs(pictures(np.full((2, 28, 28, 3), 77, np.uint8))).max() < 1e-2

    def test_a_cell_is_the_mean_of_its_pixels(self):
        images = np.zeros((1, 32, 32, 1), np.uint8)
        images[0, :2, :2, 0] = [[0, 40], [80, 120]]
        found = pictures(images)[0].reshape(16, 16)
        expected = np.zeros((16, 16))
        expected[0, 0] = 60
        expected -= expected.mean()
        np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
