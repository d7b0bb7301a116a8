"""What samples are drawn by: averages of parameters and of batch statistics, in every game."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_players import (
    BATCHES,
    CLASSES,
    IMAGES,
    LABELS,
    centred_generator,
    curved_answers,
    curved_features,
    told_discriminator,
)

from ganjax import training
from ganjax.training.joint import ClassTerms, auxiliary, semi_supervised
from ganjax.training.three_player import PlayerTerms, three_player
from ganjax.typing import Batch

KEY = jax.random.key(0)
GAMES = {
    "gan": lambda own: training.gan(own, told_discriminator()),
    "auxiliary": lambda own: auxiliary(own, curved_answers(2 * CLASSES + 1), terms=ClassTerms()),
    "semi-supervised": lambda own: semi_supervised(
        own, curved_answers(CLASSES), curved_features(), terms=ClassTerms()
    ),
    "three-player": lambda own: three_player(
        own, told_discriminator(), curved_answers(CLASSES), terms=PlayerTerms()
    ),
}


@pytest.fixture(scope="module", params=GAMES)
def stepped(request):
    """A game, and its states before and after one step."""
    game = GAMES[request.param](centred_generator())
    before = game.init(KEY)
    batch = Batch(IMAGES, LABELS) if request.param == "gan" else BATCHES["labelled alone"]
    return game, before, jax.jit(game.step)(before, batch, KEY)[0]


def test_parameters_and_batch_statistics_are_averaged_alike(stepped):
    _, before, after = stepped
    expected = jax.tree.map(
        lambda old, new: 0.1 * old + 0.9 * new, before.ema_generator, after.generator
    )
    assert set(expected) == {"params", "batch_stats"}
    assert float(jnp.abs(expected["batch_stats"]).max()) > 0.01
    chex.assert_trees_all_close(after.ema_generator, expected, rtol=1e-5, atol=1e-6)


def test_samples_are_drawn_by_the_averages_and_by_nothing_newer(stepped):
    game, _, state = stepped
    labels = jnp.arange(CLASSES)

    def samples(**changed):
        return np.asarray(game.sample(replace(state, **changed), KEY, labels))

    drawn = samples()
    for part in ("params", "batch_stats"):
        moved = jax.tree.map(lambda leaf: leaf + 1.0, state.ema_generator[part])
        changed = samples(ema_generator={**state.ema_generator, part: moved})
        assert np.abs(changed - drawn).min() > 1e-3, part
    newer = jax.tree.map(lambda leaf: leaf + 1.0, state.generator)
    np.testing.assert_array_equal(samples(generator=newer), drawn)
