"""What can be set of a restoration: what it is filled in with, and what is refused."""

import pytest

from ganjax import recipe
from ganjax.config import RestorationConfig, RestorerConfig, parse_degradation
from ganjax.config.degradations import KINDS, PRESETS
from ganjax.errors import UserError


def test_every_degradation_that_may_be_asked_for_is_there():
    assert set(recipe.DEGRADATIONS) == set(KINDS)
    for preset in PRESETS:
        recipe.degrade_by(parse_degradation(preset))


def test_a_restorer_without_an_adversary_is_always_trained():
    assert RestorationConfig("digits", "noise:25", adversarial_weights=()).adversarial_weights == (
        0,
    )
    own = RestorationConfig("digits", "noise:25", adversarial_weights=(0.1, 0.01, 0.1))
    assert own.adversarial_weights == (0, 0.01, 0.1)


def test_a_preset_is_the_same_as_what_it_stands_for():
    assert RestorationConfig("digits", "denoise") == RestorationConfig("digits", "noise:25")


@pytest.mark.parametrize(
    ("smallest", "patch", "batch_size"), [(200, 64, 4), (64, 64, 4), (28, 28, 20), (8, 8, 64)]
)
def test_small_images_are_seen_whole_and_more_of_them(smallest, patch, batch_size):
    found = RestorerConfig().for_images(smallest)
    assert (found.patch, found.batch_size) == (patch, batch_size)
    assert (found.width, found.depth) == (32, 10)
    assert f"{batch_size} per update" in found.in_words()


def test_what_is_given_stays():
    found = RestorerConfig(network="unet", width=8, depth=2, batch_size=5).for_images(28)
    assert (found.width, found.depth, found.batch_size) == (8, 2, 5)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: RestorerConfig(network="gan"), "network must be one of residual, unet"),
        (lambda: RestorerConfig(depth=1), "depth must be at least 2"),
        (lambda: RestorerConfig(learning_rate=0), "learning_rate must be above 0"),
        (lambda: RestorerConfig(adversarial_loss="three_terms"), "needs a T"),
        (lambda: RestorationConfig("digits", "noise:25", channels=2), "grey"),
        (lambda: RestorationConfig("digits", "noise:25", validation_fraction=1), "between 0 and 1"),
        (lambda: RestorationConfig("digits", "noise:25", adversarial_weights=(-1,)), "at least 0"),
        (lambda: RestorationConfig("digits", "fog"), "there is no degradation 'fog'"),
    ],
)
def test_what_cannot_be_is_refused(build, said):
    with pytest.raises(UserError) as refused:
        build()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
