"""Near duplicates are found, pictures that only resemble each other are not, and it always ends."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from ganjax.data import near
from ganjax.data.near import near_pairs


def pictures(count, size=32, channels=3, seed=0, tint=20):
    """Random pictures with more and less detail and mild colours, no two alike."""
    rng = np.random.default_rng(seed)
    spread = {3: 60, 6: 40, 12: 30, 24: 20}
    layers = [_enlarged(rng.normal(0, s, (count, n, n, 1)), size) for n, s in spread.items()]
    colours = _enlarged(rng.normal(0, tint, (count, 4, 4, channels)), size)
    return np.clip(128 + sum(layers) + colours, 0, 255).astype(np.uint8)


def _enlarged(images, size):
    factor = size / images.shape[1]
    return zoom(images, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)


def found(*splits):
    return near_pairs(splits, np.ones(sum(map(len, splits)), bool))


def clipped(values):
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def jpeg(images):
    copies = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=50)
        copies.append(np.asarray(Image.open(file)).reshape(image.shape))
    return np.stack(copies)


def resized(images):
    side = images.shape[1]
    small = [Image.fromarray(i.squeeze()).resize((side * 3 // 4,) * 2) for i in images]
    return np.stack([np.asarray(s.resize((side,) * 2)) for s in small]).reshape(images.shape)


def moved(images, down, right):
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    return padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]


CHANGES = {
    "jpeg": jpeg,
    "resized": resized,
    "brighter": lambda images: clipped(images * 1.05),
    "darker": lambda images: clipped(images * 0.95 - 5.0),
    "noisy": lambda images: clipped(images + np.random.default_rng(1).normal(0, 5, images.shape)),
    "up": lambda images: moved(images, 1, 0),
    "down": lambda images: moved(images, -1, 0),
    "left": lambda images: moved(images, 0, 1),
    "right": lambda images: moved(images, 0, -1),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_paired_with_their_originals_and_nothing_else(change, channels):
    images = pictures(60, channels=channels)
    pairs = found(images, CHANGES[change](images)).pairs
    assert (pairs[:, 1] - pairs[:, 0] == 60).all()
    assert len(pairs) >= 57


def test_distinct_scans_of_few_pixels_are_no_near_duplicates():
    scans = np.round(load_digits().images * (255 / 16)).astype(np.uint8)[..., None]
    pairs, complete = found(scans)
    assert complete
    assert len(pairs) == 0


def test_a_copy_of_few_pixels_is_found_where_little_has_changed():
    scans = np.round(load_digits().images[:200] * (255 / 16)).astype(np.uint8)[..., None]
    pairs = found(scans, clipped(scans * 0.96)).pairs
    assert (pairs[:, 1] - pairs[:, 0] == 200).all()
    assert len(pairs) >= 195


def test_other_colours_make_another_picture():
    images = pictures(20, tint=60)
    grey = images @ np.array([0.299, 0.587, 0.114])
    assert len(found(images, clipped(np.repeat(grey[..., None], 3, axis=-1))).pairs) == 0


def test_another_contrast_makes_another_picture():
    images = pictures(20, channels=1)
    assert len(found(images, clipped(images * 0.7)).pairs) == 0


def test_images_without_detail_are_passed_over():
    noise = np.random.default_rng(0).integers(100, 104, (300, 16, 16, 1)).astype(np.uint8)
    assert len(found(noise).pairs) == 0


def test_the_most_alike_pairs_come_first_and_once():
    images = pictures(30)
    noise = np.random.default_rng(0).normal(0, 1, images.shape)
    nearly = clipped(images + noise * np.linspace(1, 10, 30)[:, None, None, None])
    pairs = found(images, nearly).pairs
    assert len(np.unique(pairs, axis=0)) == len(pairs) == 30
    assert np.corrcoef(pairs[:, 0], np.arange(30))[0, 1] > 0.9


def test_only_some_take_part():
    images = pictures(5)
    every = near_pairs([images, jpeg(images)], np.ones(10, bool)).pairs
    among = np.ones(10, bool)
    among[[1, 7]] = False
    some = near_pairs([images, jpeg(images)], among).pairs
    assert {tuple(p) for p in every} - {tuple(p) for p in some} == {(1, 6), (2, 7)}


def test_every_pair_of_hashes_that_agree_in_a_band_is_proposed():
    rng = np.random.default_rng(0)
    few = rng.integers(0, 2**63, 20, dtype=np.uint64)
    hashes = few[rng.integers(0, 20, 400)]
    for _ in range(4):  # up to four bits, fewer than there are bands: all must be found
        hashes ^= np.uint64(1) << rng.integers(0, 64, 400).astype(np.uint64)
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])
    both = np.triu(apart <= 4, 1)
    pairs, complete = near._proposed(hashes, hashes, same=True)
    proposed = {tuple(sorted(pair)) for pair in pairs.tolist()}
    assert complete
    assert len(proposed) == len(pairs)
    assert set(zip(*np.nonzero(both), strict=True)) <= proposed
    assert all(apart[one, other] <= near.NEAR_BITS for one, other in proposed)
    others = near._proposed(hashes[:100], hashes, same=False)[0]
    expected = {(a, b) for a, b in zip(*np.nonzero(apart[:100] <= 4), strict=True) if a != b}
    assert expected <= {tuple(pair) for pair in others.tolist()}


def test_a_set_of_images_all_alike_is_bounded(monkeypatch):
    monkeypatch.setattr(near, "MOST_PROPOSED", 2000)
    monkeypatch.setattr(near, "MOST_PAIRS", 500)
    noise = np.random.default_rng(0).normal(0, 3, (400, 32, 32, 1))
    pairs, complete = found(clipped(pictures(1, channels=1) + noise))
    assert not complete
    assert 500 <= len(pairs) <= 500 * len(near.MOVES)
    assert len(np.unique(pairs)) > 200  # nobody is asked about all, but most are asked


def test_comparisons_are_bounded(monkeypatch):
    monkeypatch.setattr(near, "MOST_COMPARED", 100)
    assert not found(pictures(1).repeat(50, axis=0)).complete


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (5, 4, 4, 3), (1, 8, 8, 3)])
def test_too_few_or_too_small_images_have_none(shape):
    images = np.zeros(shape, np.uint8)
    pairs, complete = found(images)
    assert pairs.shape == (0, 2)
    assert complete


def test_progress_counts_every_look():
    told = []
    near_pairs([pictures(5), pictures(4, seed=1)], np.ones(9, bool), tick=told.append)
    assert told == sorted(told)
    assert told[-1] == 9 * len(near.MOVES)
