"""A generator and a classifier trained in a folder: cut, taken up, kept, found again."""

import json
from dataclasses import replace

import chex
import jax
import numpy as np
import pytest

from ganjax import models
from ganjax.config import JOINT, GANConfig, JointConfig
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.synthesis import description as descriptions
from ganjax.synthesis.description import describe
from ganjax.synthesis.trained import Trained, conclude, load, train_in, warn_of_collapse
from ganjax.synthesis.weights import read_weights
from ganjax.training import loop
from ganjax.typing import PartlyLabelled

KEY = jax.random.key(0)
GAN = GANConfig(width=8, latent_size=4, batch_size=8, updates=12, augment="none")
UPDATES, CUT = 12, 7


def corners(count, seed):
    """Two classes: a bright square on the left, or on the right."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (count, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(count, dtype=np.int32) % 2
    for image, label in zip(images, labels, strict=True):
        image[2:6, 4 * label : 4 * label + 4] += np.uint8(rng.integers(40, 160))
    return Dataset("toy", images, labels, ("left", "right"))


SEEN, HELD_OUT, UNLABELLED = corners(24, 0), corners(10, 1), corners(30, 2).without_labels()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """How to train in a folder, one such folder, and what was trained there."""
    joint = JointConfig(width=4, ramp=4)
    description = describe(GAN, SEEN, objective="three-player", joint=joint)

    def train(folder, **given):
        how = {"unlabelled": UNLABELLED, "held_out": HELD_OUT, **given}
        return train_in(folder, description, SEEN, KEY, **how)

    folder = tmp_path_factory.mktemp("whole")
    return train, folder, train(folder)


def stopping(updates, ended):
    """A training that ends after so many updates, as if killed with a checkpoint there."""

    def train(*given, **named):
        ended.append(loop.train(*given, **{**named, "updates": updates}))
        raise KeyboardInterrupt

    return train


def test_a_joint_training_that_is_cut_ends_the_same(run, tmp_path, monkeypatch):
    train, _, whole = run
    with monkeypatch.context() as patch:
        patch.setattr("ganjax.synthesis.trained.train", stopping(CUT, []))
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    found = train(tmp_path)
    chex.assert_trees_all_equal(found.state, whole.state)
    assert (found.update, found.classifier_update) == (whole.update, whole.classifier_update)
    assert found.history == whole.history
    assert found.signs == whole.signs
    assert int(found.state.step) == UPDATES


def test_the_best_generator_and_the_best_classifier_are_kept(run, tmp_path, monkeypatch):
    train, _, whole = run
    looks = whole.signs["update"]
    assert whole.update == looks[np.argmin(whole.signs["distance"])]
    assert whole.classifier_update == looks[np.argmax(whole.signs["probability"])]
    ended = []
    stop = stopping(whole.classifier_update, ended)
    monkeypatch.setattr("ganjax.synthesis.trained.train", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    then = ended[0].state.state.ema_classifier
    chex.assert_trees_all_equal(then, whole.state.ema_classifier)


def test_it_classifies_as_the_looks_said(run):
    _, _, whole = run
    logits = whole.classify(HELD_OUT.images)
    assert (logits.shape, logits.dtype) == ((10, 2), np.float32)
    likely = np.asarray(jax.nn.softmax(logits))[np.arange(10), HELD_OUT.labels]
    assert likely.mean() == pytest.approx(max(whole.signs["probability"]), rel=1e-5)
    assert whole.classify(HELD_OUT.images[:0]).shape == (0, 2)


def test_it_is_found_again_in_its_folder(run):
    _, folder, whole = run
    found = load(folder)
    assert found.description == whole.description
    assert found.classifier_update == whole.classifier_update
    np.testing.assert_array_equal(found.classify(SEEN.images), whole.classify(SEEN.images))
    np.testing.assert_array_equal(found.sample(KEY, 4)[0], whole.sample(KEY, 4)[0])
    assert found.parameters() == whole.parameters()
    assert set(found.parameters()) == {"generator", "discriminator", "classifier"}


def test_the_classifiers_weights_are_written_apart(run):
    _, folder, whole = run
    found = read_weights(folder)
    assert set(found) == {"generator", "discriminator", "classifier"}
    chex.assert_trees_all_equal(
        found["classifier"]["params"], jax.device_get(whole.state.ema_classifier)
    )


def test_what_was_trained_is_written_complete(run):
    _, folder, whole = run
    found = json.loads((folder / "generator.json").read_text())
    assert found["objective"] == whole.description.objective
    assert JointConfig(**found["joint"]) == whole.description.joint
    assert None not in found["joint"].values()


def test_another_begins_with_its_weights_and_nothing_else(run, tmp_path, monkeypatch):
    train, _, whole = run
    seen = []

    def spy(call, state, *given, **named):
        seen.append(jax.device_get(state))
        raise KeyboardInterrupt

    monkeypatch.setattr("ganjax.synthesis.trained.train", spy)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, begin_with=whole, held_out=None)
    begun, expected = seen[0].state, jax.device_get(whole.state)
    chex.assert_trees_all_equal(begun.ema_generator, expected.ema_generator)
    chex.assert_trees_all_equal(begun.discriminator, expected.discriminator)
    chex.assert_trees_all_equal(begun.ema_classifier, expected.ema_classifier)
    chex.assert_trees_all_equal(seen[0].best.classifier, expected.ema_classifier)
    chex.assert_trees_all_equal(begun.classifier["params"], expected.ema_classifier)
    assert not begun.conflicts.any()
    assert not any(leaf.any() for leaf in jax.tree.leaves(begun.classifier_optimizer))


@pytest.mark.parametrize("objective", JOINT)
def test_each_objective_has_its_players(objective):
    """The classifier of each is a study's, with one more output where it tells real ones too."""
    joint = JointConfig(width=4)
    training = describe(GAN, SEEN, objective=objective, joint=joint).build()
    state = jax.eval_shape(training.init, KEY)
    own = state.classifier if objective == "three-player" else state.discriminator
    outputs = 5 if objective == "auxiliary" else 2
    expected = models.conv_classifier(size=8, classes=outputs, width=4)
    assert jax.tree.map(np.shape, own) == jax.tree.map(np.shape, jax.eval_shape(expected.init, KEY))
    images = jax.ShapeDtypeStruct((8, 8, 8, 1), np.float32)
    labels = jax.ShapeDtypeStruct((8,), np.int32)
    for count in (0, 8):
        batch = PartlyLabelled(images, labels, images.update(shape=(count, 8, 8, 1)))
        after, _ = jax.eval_shape(training.step, state, batch, KEY)
        chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    assert jax.eval_shape(training.classify, state, images).shape == (8, 2)
    assert jax.eval_shape(training.logits, state, images, labels).shape == (8,)
    assert jax.eval_shape(training.sample, state, KEY, labels).shape == (8, 8, 8, 1)


def test_a_run_of_before_there_were_objectives_is_a_gans(tmp_path):
    description = describe(GAN, SEEN)
    descriptions.write(tmp_path, description, SEEN.labels)
    stored = json.loads((tmp_path / "generator.json").read_text())
    assert (stored.pop("objective"), stored.pop("joint")) == ("gan", None)
    (tmp_path / "generator.json").write_text(json.dumps(stored))
    assert descriptions.read(tmp_path) == description


def test_a_gan_alone_classifies_nothing():
    description = describe(GAN, SEEN)
    fresh = descriptions.compiled(description).init(KEY)
    found = conclude(description, fresh, {}, {})
    assert found.classifier_update is None
    with pytest.raises(UserError, match="has no classifier: train it with --objective auxiliary"):
        found.classify(SEEN.images)


def test_of_k_plus_1_classes_the_loss_is_their_own_with_its_penalty():
    large = replace(SEEN, images=np.zeros((len(SEEN), 32, 32, 1), np.uint8))
    config = GANConfig(network="dcgan", updates=1)
    semi = describe(config, large, objective="semi-supervised").config
    assert (semi.loss, semi.r1_weight, semi.r2_weight) == ("non_saturating", 0.1, 0.0)
    three = describe(config, large, objective="three-player").config
    assert (three.loss, three.r1_weight, three.r2_weight) == ("relativistic", 1.0, 1.0)


def test_an_objective_needs_two_classes():
    one = Dataset("one", SEEN.images, np.zeros(24, np.int32), ("all",))
    with pytest.raises(UserError, match=r"--objective auxiliary needs labels .* one has 1"):
        describe(GAN, one, objective="auxiliary")
    with pytest.raises(UserError, match=r"--objective auxiliary needs labels .* toy has 0"):
        describe(GAN, SEEN, conditional=False, objective="auxiliary")


ALWAYS = "Give T(x) always (--gan.augment diffaugment), or more images"


@pytest.mark.parametrize(
    ("objective", "given", "said"),
    [
        ("gan", {"loss": "hinge"}, "Give --gan.loss relativistic"),
        ("gan", {"augment": "none"}, ALWAYS),
        ("gan", {"augment": "classical", "augment_adaptive": True}, ALWAYS),
        ("gan", {"augment": "diffaugment"}, "as real ones. Give more images"),
        ("semi-supervised", {"loss": "non_saturating"}, "for images, give another --objective"),
    ],
)
def test_a_collapse_is_told_with_what_helps(objective, given, said):
    given = {"loss": "relativistic", **given}
    description = describe(replace(GAN, **given), SEEN, objective=objective)
    signs = {"update": [4, 8], "variety": [0.5, 0.04]}
    lines = []

    class Listening(Silent):
        def say(self, line):
            lines.append(line)

    for update in (4, 8):
        gan = Trained(description, description.gan(), None, update, {}, signs)
        warn_of_collapse(gan, Listening())
    (line,) = lines  # of the state that was kept alone
    assert "vary 0.04 times as much as real ones" in line
    assert line.endswith(said)
