"""GANs trained side by side are those that would have been trained alone, each in its folder."""

import chex
import jax
import numpy as np
import pytest

from ganjax import synthesis
from ganjax.config import GANConfig, Upkeep
from ganjax.data.sources import Dataset
from ganjax.synthesis import trained
from ganjax.synthesis.description import describe
from ganjax.synthesis.together import Assignment, train_together
from ganjax.training import loop

CONFIG = GANConfig(width=8, latent_size=4, batch_size=4, updates=6, augment="none")
HELD_OUT = Dataset(
    "toy",
    np.random.default_rng(1).integers(0, 256, (6, 8, 8, 1), np.uint8),
    np.arange(6, dtype=np.int32) % 2,
    ("left", "right"),
)
KEYS = [jax.random.fold_in(jax.random.key(0), number) for number in range(3)]


@pytest.fixture(scope="module")
def datasets():
    rng = np.random.default_rng(0)
    labels = np.arange(20, dtype=np.int32) % 2
    images = rng.integers(0, 256, (3, 20, 8, 8, 1), np.uint8)
    return [Dataset("toy", own, labels, ("left", "right")) for own in images]


@pytest.fixture(scope="module")
def train(datasets):
    def train(out, members=(0, 1, 2), **named):
        return train_together(
            [Assignment(out / str(i), datasets[i], HELD_OUT, KEYS[i]) for i in members],
            describe(CONFIG, datasets[0]),
            shared=out / "training",
            upkeep=Upkeep(checkpoint_seconds=0),
            **named,
        )

    return train


@pytest.fixture(scope="module")
def three(train, tmp_path_factory):
    out = tmp_path_factory.mktemp("three")
    return out, train(out)


@pytest.fixture
def stop(monkeypatch):
    """Stop a training in the third of its six calls, with a checkpoint of each one before."""

    class Stop:
        def say(self, line):
            pass

        def stage(self, name, total, unit):
            self.name = name
            return self

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def __call__(self, done, note=""):
            if done == 3:
                raise KeyboardInterrupt

    return Stop()


def check_equal(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.history == b.history
        chex.assert_trees_all_equal(jax.device_get(a.state), jax.device_get(b.state))


def test_each_gan_is_the_one_that_would_have_been_trained_alone(three, datasets, tmp_path):
    description = describe(CONFIG, datasets[0])
    for i, own in enumerate(three[1]):
        alone = trained.train_in(
            tmp_path / str(i), description, datasets[i], KEYS[i], held_out=HELD_OUT
        )
        assert own.update == alone.update
        chex.assert_trees_all_close(own.state, alone.state, atol=1e-6)
        assert own.history["update"] == alone.history["update"]
        for name, values in alone.history.items():
            np.testing.assert_allclose(own.history[name], values, rtol=1e-4, atol=1e-6)


def test_each_gan_is_found_in_its_own_folder_and_nothing_else_is_left(three):
    out, gans = three
    check_equal([synthesis.load(out / str(i)) for i in range(3)], gans)
    assert sorted(path.name for path in out.iterdir()) == ["0", "1", "2"]


def test_what_is_finished_is_not_trained_again(three, train, monkeypatch):
    monkeypatch.setattr("ganjax.synthesis.together.train", None)
    check_equal(train(three[0]), three[1])


def test_a_group_that_was_stopped_goes_on(three, train, tmp_path, stop, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, progress=stop)
    assert stop.name == "train 3 GANs"
    begun = []
    monkeypatch.setattr(
        "ganjax.synthesis.together.train",
        lambda *given, **named: loop.train(
            *given, **{**named, "tick": lambda done, note="": begun.append(done)}
        ),
    )
    check_equal(train(tmp_path), three[1])
    assert begun == [3, 4, 5, 6]


def test_another_group_gives_the_same(three, train, tmp_path, stop):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, progress=stop)
    check_equal(train(tmp_path, (0,)), three[1][:1])
    check_equal(train(tmp_path, (0, 1)), three[1][:2])
    assert not (tmp_path / "training").exists()
