"""A training that streams its images is, bit by bit, the one that holds them on the device."""

import os
import signal
import threading
from dataclasses import dataclass
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.config import GANConfig, Upkeep
from ganjax.data import loader
from ganjax.data.dataset import Dataset, Unread
from ganjax.data.stream import Stream, open_array
from ganjax.errors import UserError
from ganjax.interruption import Interrupted, honour_signals
from ganjax.progress import Silent
from ganjax.synthesis.description import describe
from ganjax.synthesis.trained import train_in
from ganjax.training import guard, loop, sharding
from ganjax.training.feed import Feed, device_limit, place_on_one, steps_at_once

KEY = jax.random.key(0)
COUNT, BATCH, CLASSES = 37, 16, 2
rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (COUNT, 8, 8, 1), np.uint8)
SEEN = Dataset("toy", PIXELS, np.arange(COUNT, dtype=np.int32) % CLASSES, ("left", "right"))
ORDER = np.arange(COUNT)
SETTINGS = {"updates": 12, "steps_per_call": 4}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trace:
    """A training that is quick to compile, and whose state tells all images it has seen."""

    step: jax.Array
    trace: jax.Array


def init(key):
    return Trace(jnp.zeros((), jnp.int32), jax.random.normal(key, (8, 8, 1)))


def step(state, batch, key, *, axis_name=None):
    seen = jnp.mean(batch.images * (1 + batch.labels)[:, None, None, None], axis=0)
    seen = seen if axis_name is None else jax.lax.pmean(seen, axis_name)
    trace = 0.9 * state.trace + seen + 0.01 * jax.random.normal(key, seen.shape)
    return Trace(state.step + 1, trace), {"seen": jnp.mean(seen)}


@pytest.fixture(scope="module")
def mesh():
    return sharding.make_mesh(8)


def draw(key, data, *, axis_name=None):
    return loader.sample_batch(key, data, BATCH, axis_name=axis_name)


def feed(at_once, images=SEEN, mesh=None):
    if mesh is None:
        return Feed(Stream(images, ORDER, BATCH, ahead=at_once), place_on_one, at_once)
    stream = Stream(
        images, ORDER, BATCH, parts=mesh.size, own=sharding.own_parts(mesh), ahead=at_once
    )
    return Feed(stream, partial(sharding.place_drawn, mesh=mesh), at_once)


@pytest.fixture(scope="module", params=["one device", "jit", "jit, state spread", "pmap"])
def way(request, mesh):
    """How a training is compiled: its initial state, its call and its resident data."""
    if request.param == "one device":
        return jax.jit(init), loop.repeat(step, draw), loader.to_device(SEEN), None
    data = sharding.place_data(SEEN.take, COUNT, mesh)
    if request.param == "pmap":
        return jax.jit(init), sharding.pmap_steps(step, draw), data, mesh
    spread = request.param != "jit"
    begin = partial(sharding.init_state, init, mesh=mesh, shard_state=spread)
    return begin, sharding.compile_steps(step, draw, mesh, shard_state=spread), data, mesh


def test_it_is_the_same_training_in_pieces_of_any_size(way):
    begin, call, data, mesh = way
    resident = loop.train(call, begin(KEY), data, KEY, **SETTINGS)
    for at_once in (4, 2):
        streamed = loop.train(call, begin(KEY), feed(at_once, mesh=mesh), KEY, **SETTINGS)
        chex.assert_trees_all_equal(streamed.state, resident.state)
        assert streamed.history["update"] == resident.history["update"] == [4, 8, 12]
        for name, values in resident.history.items():
            np.testing.assert_allclose(streamed.history[name], values, rtol=1e-6)


@pytest.fixture(scope="module")
def run():
    call = loop.repeat(step, draw)

    def run(data, call=call, **settings):
        return loop.train(call, init(KEY), data, KEY, **{**SETTINGS, **settings})

    run.call = call
    return run


@pytest.fixture(scope="module")
def resident():
    return loader.to_device(SEEN)


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_either_goes_on_where_the_other_stopped(run, resident, tmp_path, cut):
    whole = run(resident)
    for i, (first, second) in enumerate([(resident, feed(2)), (feed(4), resident)]):
        run(first, updates=cut, folder=tmp_path / str(i))
        found = run(second, folder=tmp_path / str(i))
        chex.assert_trees_all_equal(found.state, whole.state)


def test_a_finished_training_reads_nothing(run, tmp_path):
    done = run(feed(4), folder=tmp_path)
    gone = Unread("gone", ("a", "b"), ORDER, lambda: None, lambda rows: 1 / 0)
    again = run(feed(4, gone), folder=tmp_path)
    chex.assert_trees_all_equal(again.state, done.state)


class Probe:
    """Stands for a call's metrics, and notes when they are waited for."""

    def __init__(self, number, events):
        self.number, self.events = number, events

    def block_until_ready(self):
        self.events.append(f"wait for {self.number}")


def test_a_piece_is_put_on_the_device_while_the_one_before_is_in_use_and_not_sooner():
    events = []
    fed = feed(2)

    def place(steps):
        events.append("place")
        return place_on_one(steps)

    def call(state, data, key, *, steps):
        events.append(f"call {state}")
        return state + 1, Probe(state, events)

    fed.place = place
    fed.begin(KEY, done=0, updates=6, steps_per_call=2)
    state = 0
    for _ in range(3):
        state, _ = fed.advance(call, state, KEY, 2)
    fed.close()
    assert events == [
        "place", "call 0", "place", "call 1", "wait for 0", "place", "call 2", "wait for 1",
    ]  # fmt: skip


@pytest.mark.parametrize("at_once", [5, 1])
def test_a_lost_training_goes_back_and_draws_anew(tmp_path, at_once):
    """Every step from 23 on is bad, until the training draws by another key."""
    other = jax.random.key_data(jax.random.fold_in(KEY, 1))

    def poisoned(guarded, batch, key):
        batch, root = batch
        lost = (guarded.step >= 23) & (jax.random.key_data(root) != other).any()
        images = jnp.where(lost, jnp.nan, batch.images)
        return guard.skip_bad(step)(guarded, batch._replace(images=images), key)

    @partial(jax.jit, static_argnames="steps", donate_argnums=0)
    def call(state, data, key, *, steps):
        def draw_with_root(batch_key, data):
            return draw(batch_key, data), key

        return loop.scan_steps(poisoned, draw_with_root)(state, data, key, steps=steps)

    def run(data, folder):
        return loop.train(
            call, guard.guard(init(KEY)), data, KEY, updates=60, steps_per_call=5,
            anchor_every=10, folder=folder,
        )  # fmt: skip

    resident = run(loader.to_device(SEEN), tmp_path / "resident")
    streamed = run(feed(at_once), tmp_path / "streamed")
    assert resident.roll_backs == streamed.roll_backs == 1
    chex.assert_trees_all_equal(streamed.state, resident.state)
    assert streamed.history["update"] == resident.history["update"]
    assert streamed.history["skipped"] == resident.history["skipped"]


def test_means_over_pieces_leave_out_what_is_no_number():
    def counting(state, batch, key):
        seen = state.step.astype(jnp.float32)
        metrics = {
            "seen": seen,
            "late": jnp.where(state.step < 4, jnp.nan, seen),
            "never": seen * jnp.nan,
            "count": state.step,
        }
        return step(state, batch, key)[0], metrics

    call = loop.repeat(counting, draw)
    found = loop.train(call, init(KEY), feed(2), KEY, updates=5, steps_per_call=5)
    assert found.history == {
        "update": [5], "seen": [2.0], "late": [4.0], "never": [None], "count": [4]
    }  # fmt: skip


def reading_threads():
    return [t for t in threading.enumerate() if t.name.startswith("grain-prefetch")]


def they_end():
    for thread in reading_threads():
        thread.join(timeout=30)
    return not reading_threads()


def test_an_image_that_cannot_be_read_ends_the_training_with_its_name(run, tmp_path):
    np.save(tmp_path / "images.npy", PIXELS)
    array = open_array(tmp_path / "images.npy")
    lost = Unread(
        "toy", ("left", "right"), ORDER, lambda: SEEN.labels,
        lambda rows: (array.read(rows), SEEN.labels[rows]),
    )  # fmt: skip
    whole = run(feed(4, lost))

    def call(state, data, key, *, steps):
        (tmp_path / "images.npy").unlink(missing_ok=True)
        return run.call(state, data, key, steps=steps)

    folder = tmp_path / "run"
    after_every_call = Upkeep(checkpoint_seconds=0)
    with pytest.raises(UserError, match=r"toy: .*images\.npy"):
        run(feed(2, lost), call=call, updates=200, folder=folder, upkeep=after_every_call)
    assert they_end()
    np.save(tmp_path / "images.npy", PIXELS)
    chex.assert_trees_all_equal(run(feed(4, lost), folder=folder).state, whole.state)


def test_a_signal_is_heeded_with_the_state_saved_and_the_threads_ended(run, tmp_path):
    whole = run(feed(4))

    def signalled(*given, **named):
        os.kill(os.getpid(), signal.SIGTERM)
        return run.call(*given, **named)

    with honour_signals(), pytest.raises(Interrupted, match="SIGTERM"):
        run(feed(4), call=signalled, updates=200, folder=tmp_path)
    assert they_end()
    chex.assert_trees_all_equal(run(feed(4), folder=tmp_path).state, whole.state)


def test_pieces_divide_a_call_and_two_of_them_fit():
    assert steps_at_once(50, 1000, 10**9) == 50
    assert steps_at_once(50, 1000, 100_000) == 50
    assert steps_at_once(50, 1000, 99_999) == 25
    assert steps_at_once(50, 1000, 9_000) == 2
    assert steps_at_once(50, 1000, 0) == 1
    assert steps_at_once(1, 1000, 10**9) == 1


def test_what_a_device_may_hold():
    assert device_limit(0.5) == 500_000_000
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert device_limit(None) == machine // 8 // 4  # eight fake devices share it


class Said(Silent):
    """Progress that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.parametrize("devices", [1, 8])
def test_a_gan_begun_on_the_device_and_finished_from_a_stream_is_the_same(
    tmp_path, monkeypatch, devices
):
    config = GANConfig(
        width=8, latent_size=4, batch_size=8, updates=80, augment="none", r1_weight=0.0
    )
    progress = Said()
    run = partial(
        train_in, description=describe(config, SEEN), dataset=SEEN, key=KEY,
        progress=progress,
        mesh=None if devices == 1 else sharding.make_mesh(devices),
    )  # fmt: skip
    whole = run(tmp_path / "whole")

    def stopping(*given, **named):
        raise KeyboardInterrupt(loop.train(*given, **{**named, "updates": 32}))

    with monkeypatch.context() as patch:
        patch.setattr("ganjax.synthesis.trained.train", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run")
    assert not [line for line in progress.lines if "streamed" in line]
    found = run(tmp_path / "run", upkeep=Upkeep(device_memory=1e-7))
    assert [line for line in progress.lines if "--device-memory): they are streamed" in line]
    chex.assert_trees_all_equal(found.state, whole.state)
    assert found.history["update"] == whole.history["update"]
