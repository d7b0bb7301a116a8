"""Joint trainings are the same on one device and on eight, by jit over a mesh and by pmap."""

import re

import jax
import numpy as np
import pytest
from small_players import (
    CLASSES,
    centred_generator,
    curved_answers,
    curved_features,
    draw,
    linear_generator,
    normal_latents,
    on_one_device,
    sets,
    told_discriminator,
)

from ganjax.ops import augment, policy
from ganjax.training import loop, sharding
from ganjax.training.joint import ClassTerms, auxiliary, semi_supervised
from ganjax.training.three_player import PlayerTerms, three_player

KEY, STEPS = jax.random.key(0), 8
T = (policy.Transform(augment.random_brightness, 0.5),)


def two_heads():
    players = linear_generator(normal_latents), curved_answers(2 * CLASSES + 1)
    return auxiliary(*players, terms=ClassTerms(generated=1.0))


SURE = ClassTerms(consistency=1.0, pseudo_labels=1.0, confidence=0.3, ramp=2)


def matched_features():
    """Batch normalisation and the means of features are over the whole batch."""
    players = centred_generator(), curved_answers(CLASSES), curved_features()
    return semi_supervised(*players, terms=SURE, augment=T)


def three():
    players = linear_generator(normal_latents), told_discriminator(), curved_answers(CLASSES)
    terms = PlayerTerms(pairs=0.4, pseudo_labels=1.0, confidence=0.3, ramp=2)
    return three_player(*players, terms=terms)


KINDS = [(two_heads, False), (matched_features, True), (three, True)]


@pytest.fixture(scope="module")
def mesh():
    return sharding.make_mesh()


@pytest.fixture(
    scope="module",
    params=KINDS,
    ids=[f"{kind.__name__}{', unlabelled too' * more}" for kind, more in KINDS],
)
def alone(request):
    """The training, whether it has unlabelled images, and what it is after its steps."""
    build, unlabelled = request.param
    joint, data = build(), on_one_device(unlabelled)
    trained = loop.repeat(joint.step, draw)(jax.jit(joint.init)(KEY), data, KEY, steps=STEPS)
    return joint, unlabelled, jax.device_get(trained)


@pytest.fixture(scope="module")
def parts(mesh):
    """The same images, spread over eight devices."""
    return {
        more: sets(more, lambda own: sharding.place_data(own.take, len(own), mesh))
        for more in (False, True)
    }


def assert_same(found, expected):
    """Every array within 1e-4 of its norm; counts are equal."""
    paths = jax.tree_util.tree_leaves_with_path(expected)
    assert len(paths) > 20
    for (path, wanted), got in zip(paths, jax.tree.leaves(found), strict=True):
        error = np.linalg.norm(np.float64(got) - wanted)
        assert error <= 1e-4 * max(np.linalg.norm(wanted), 1e-6), jax.tree_util.keystr(path)


def test_steps_over_a_mesh_are_those_of_one_device(alone, mesh, parts):
    joint, unlabelled, expected = alone
    state = sharding.init_state(joint.init, KEY, mesh)
    call = sharding.compile_steps(joint.step, draw, mesh)
    compiled = call.lower(state, parts[unlabelled], KEY, steps=STEPS).compile()
    collectives = r"(all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)\("
    assert set(re.findall(collectives, compiled.as_text())) == {"all-reduce"}  # images stay
    assert_same(compiled(state, parts[unlabelled], KEY), expected)


def test_steps_by_pmap_are_those_of_one_device(alone, parts):
    joint, unlabelled, expected = alone
    call = sharding.pmap_steps(joint.step, draw)
    assert_same(call(jax.jit(joint.init)(KEY), parts[unlabelled], KEY, steps=STEPS), expected)
