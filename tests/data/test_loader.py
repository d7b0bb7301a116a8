"""Images reach the networks square, padded, on the device, in [-1, 1]."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data import loader
from ganjax.data.sources import Dataset, Source
from ganjax.errors import UserError


@pytest.mark.parametrize(
    ("shape", "size"),
    [((8, 8), 8), ((5, 3), 8), ((28, 28), 32), ((9, 8), 16), ((33, 20), 64), ((128, 100), 128)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_padded_centred_with_black(shape, size, channels):
    images = np.full((2, *shape, channels), 9, np.uint8)
    padded = loader.pad_to_power_of_two(images)
    assert padded.shape == (2, size, size, channels)
    assert padded.dtype == np.uint8
    top, left = (size - shape[0]) // 2, (size - shape[1]) // 2
    inside = padded[:, top : top + shape[0], left : left + shape[1]]
    np.testing.assert_array_equal(inside, images)
    assert padded.sum() == images.sum()


def test_what_the_networks_cannot_take():
    with pytest.raises(UserError, match="129x20"):
        loader.pad_to_power_of_two(np.zeros((1, 20, 129, 1), np.uint8))
    with pytest.raises(UserError, match="2 channels"):
        loader.pad_to_power_of_two(np.zeros((1, 8, 8, 2), np.uint8))


def test_at_network_size_pads_both_parts():
    own = Dataset("x", np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.int32), ("a", "b"))
    found = loader.at_network_size(Source(own, own))
    assert found.train.images.shape == found.test.images.shape == (2, 32, 32, 1)
    assert loader.at_network_size(Source(own, None)).test is None


def test_every_grey_level_survives_the_round_trip():
    levels = jnp.arange(256, dtype=jnp.uint8)
    normal = jax.jit(loader.normalise)(levels)
    assert normal.dtype == jnp.float32
    np.testing.assert_allclose([normal.min(), normal.max()], [-1, 1], atol=2e-7)
    np.testing.assert_array_equal(jax.jit(loader.to_uint8)(normal), levels)


def test_to_uint8_clips():
    assert loader.to_uint8(jnp.array([-3.0, 3.0])).tolist() == [0, 255]


def test_sample_batch_inside_scan_keeps_images_with_their_labels():
    values = np.arange(0, 50, 10, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (5, 8, 8, 1))
    data = loader.to_device(Dataset("x", images, np.arange(5, dtype=np.int32), tuple("abcde")))
    assert data.images.dtype == jnp.uint8

    @jax.jit
    def batches(key):
        keys = jax.random.split(key, 20)
        return jax.lax.scan(lambda c, k: (c, loader.sample_batch(k, data, 32)), 0, keys)[1]

    drawn = batches(jax.random.key(0))
    assert drawn.images.shape == (20, 32, 8, 8, 1)
    np.testing.assert_array_equal(
        loader.to_uint8(drawn.images[..., 0, 0, 0]), 10 * np.asarray(drawn.labels)
    )
    counts = np.bincount(np.asarray(drawn.labels).ravel(), minlength=5)
    assert counts.min() > 80  # 128 expected of each


@pytest.mark.parametrize(("count", "batch_size"), [(10, 4), (5, 16), (1_200_000, 4096)])
def test_a_slot_draws_from_its_own_rows_each_equally_often(count, batch_size):
    data = loader.Resident(jnp.zeros((1, 1, 1, 1)), jnp.arange(count, dtype=jnp.int32))
    draw = jax.jit(lambda key: loader.sample_batch(key, data, batch_size).labels)
    drawn = np.stack([draw(jax.random.key(seed)) for seed in range(50)]).astype(np.int64)
    slots = np.arange(batch_size)
    assert (drawn >= slots * count // batch_size).all()
    assert (drawn <= ((slots + 1) * count - 1) // batch_size).all()
    thirds = np.bincount(drawn.ravel() * 3 // count, minlength=3) / drawn.size
    shares = np.bincount(np.arange(count) * 3 // count) / count
    np.testing.assert_allclose(thirds, shares, atol=0.03)


def test_rows_within_a_stratum_and_across_its_ends_are_equally_likely():
    data = loader.Resident(jnp.zeros((5, 1, 1, 1)), jnp.arange(5, dtype=jnp.int32))
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = jax.jit(jax.vmap(lambda key: loader.sample_batch(key, data, 2).labels))(keys)
    shares = [np.bincount(slot, minlength=5) / 4000 for slot in np.asarray(drawn).T]
    np.testing.assert_allclose(shares[0], [0.4, 0.4, 0.2, 0, 0], atol=0.03)
    np.testing.assert_allclose(shares[1], [0, 0, 0.2, 0.4, 0.4], atol=0.03)


def test_parts_hold_all_the_rows_that_their_slots_draw_from():
    for count, parts in ((10, 4), (3, 8), (1797, 8)):
        for part in range(parts):
            rows = loader.rows_of_part(count, part, parts)
            assert rows[0] <= part * count / parts
            assert rows[-1] + 1 >= (part + 1) * count / parts
            assert len(rows) <= -(-count // parts) + 1


def test_an_order_is_a_permutation_fixed_by_its_key():
    one, again, other = (
        loader.shuffled_order(50, jax.random.key(seed)).tolist() for seed in (0, 0, 1)
    )
    assert sorted(one) == list(range(50))
    assert one == again != other


def test_a_mixed_batch_holds_the_ratio_and_draws_every_row():
    real, generated = (
        loader.Resident(jnp.zeros((12, 1, 1, 1), jnp.uint8), jnp.arange(12, dtype=jnp.int32) + add)
        for add in (0, 100)
    )
    draw = jax.jit(lambda key, ratio: loader.mixed_batch(key, real, generated, ratio, 8).labels)
    for ratio, count in [(0.0, 0), (0.25, 2), (1.0, 8)]:
        labels = [np.asarray(draw(jax.random.key(seed), ratio)) for seed in range(100)]
        assert {int((own >= 100).sum()) for own in labels} == {count}
        seen = {label for own in labels for label in own.tolist()}
        assert len({label for label in seen if label < 100}) == (12 if ratio < 1 else 0)
        assert len({label for label in seen if label >= 100}) == (12 if ratio else 0)
