"""A checkpoint is whole or passed over: cut, killed, flipped, on a full disk, or donated early."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data import manifest
from ganjax.errors import UserError
from ganjax.training.checkpoint import Checkpoints, DiskFull, NoCheckpoint


class Moments(NamedTuple):
    mean: jax.Array
    count: jax.Array


def make(value):
    return {
        "weights": jnp.full((40, 30), value, jnp.float32),
        "half": jnp.arange(6, dtype=jnp.bfloat16) + value,
        "moments": Moments(jnp.full(5, value), jnp.int32(value)),
        "nothing": (),
    }


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three checkpoints: at 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("three") / "checkpoints"
    store = Checkpoints(folder, keep=3)
    for step in (1, 2, 3):
        store.save(step, make(step), {"history": [step]})
    store.close()
    return folder


def test_what_was_saved_is_restored_bit_by_bit(three):
    found = Checkpoints(three).restore(like=jax.eval_shape(lambda: make(0)))
    assert (found.step, found.record, found.passed_over) == (3, {"history": [3]}, [])
    chex.assert_trees_all_equal(found.state, make(3))
    chex.assert_trees_all_equal_shapes_and_dtypes(found.state, make(3))


def test_a_state_is_restored_on_other_devices_than_it_was_on(tmp_path):
    def placed(devices, axes):
        mesh = jax.make_mesh((devices,), ("all",), devices=jax.devices()[:devices])
        where = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
        return {"rows": jax.device_put(jnp.arange(48.0).reshape(8, 6), where)}

    store = Checkpoints(tmp_path)
    store.save(1, placed(8, ("all",)), {})
    for wanted in (placed(2, (None, "all")), placed(1, ()), placed(4, ())):
        found = store.restore(like=wanted).state["rows"]
        assert found.sharding == wanted["rows"].sharding
        np.testing.assert_array_equal(found, np.arange(48.0).reshape(8, 6))
    store.close()


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damages(folder):
    """Yield what can befall a checkpoint, as a name and a function of its folder."""

    def flip(name, at, bit, place):
        content = bytearray((place / name).read_bytes())
        content[int(at * (len(content) - 1))] ^= 1 << bit
        (place / name).write_bytes(content)

    def cut(name, part, place):
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: int(part * len(content))])

    def delete(name, place):
        (place / name).unlink()

    def grow(name, place):
        with open(place / name, "ab") as file:
            file.write(b"\0")

    for path in files_of(folder):
        name = path.relative_to(folder)
        yield f"{name} deleted", partial(delete, name)
        yield f"{name} grown", partial(grow, name)
        if path.stat().st_size:
            for at, bit in ((0, 0), (0.3, 7), (0.5, 3), (0.9, 1), (1, 6)):
                yield f"bit {bit} of {name} flipped at {at}", partial(flip, name, at, bit)
            for part in (0, 0.5, 0.99):
                yield f"{name} cut to {part}", partial(cut, name, part)
    yield "a file too many", lambda place: (place / "state" / "more").write_bytes(b"x")
    yield "state deleted", lambda place: shutil.rmtree(place / "state")


def test_every_damage_is_found_and_fallen_back_from(three, tmp_path):
    like = jax.eval_shape(lambda: make(0))
    cases = list(damages(three / "3"))
    assert len(cases) >= 60
    expected = make(2)
    for i, (name, damage) in enumerate(cases):
        folder, said = tmp_path / str(i), []
        shutil.copytree(three, folder)
        damage(folder / "3")
        found = Checkpoints(folder, say=said.append).restore(like=like)
        assert found.step == 2, name
        chex.assert_trees_all_equal(found.state, expected)
        assert len(found.passed_over) == 1, name
        assert "checkpoint 3 is damaged" in said[0], name


def test_what_is_damaged_is_named(three, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(three, folder)
    record = folder / "3" / "record.json"
    record.write_bytes(record.read_bytes().replace(b"3", b"4"))
    (folder / "2" / "record.json").unlink()
    assert Checkpoints(folder).survey() == {
        1: [], 2: ["record.json: missing"], 3: ["record.json: other content"]
    }  # fmt: skip
    assert Checkpoints(folder).restore(like=make(0)).step == 1


def test_where_none_is_whole_it_says_why(three, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(three, folder)
    for step in (1, 2, 3):
        (folder / str(step) / manifest.NAME).unlink()
    with pytest.raises(NoCheckpoint, match=r"checkpoint 3 .*missing.*checkpoint 1"):
        Checkpoints(folder).restore(like=make(0))


def test_a_state_of_another_shape_is_refused_and_nothing_fallen_back_to(three):
    for other in ({**make(0), "weights": jnp.zeros((40, 31))}, {"other": jnp.zeros(3)}):
        with pytest.raises(UserError, match=r"another shape .*(weights|other)"):
            Checkpoints(three).restore(like=other)


def test_the_newest_ones_and_the_newest_anchor_are_kept(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for step in range(1, 8):
        store.save(step, make(step), {}, anchor=step in (1, 3))
    store.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "6", "7"]
    assert store.restore(like=make(0), anchor=True).step == 3
    store.save(3, make(30), {"again": True}, anchor=True)  # after going back to it
    assert store.restore(like=make(0), anchor=True).record == {"again": True}
    store.close()


@pytest.mark.parametrize("damaged", [False, True])
def test_what_a_training_that_went_back_left_after_it_is_removed(tmp_path, damaged):
    store = Checkpoints(tmp_path, keep=1)
    store.save(2, make(2), {}, anchor=True)
    store.save(8, make(8), {})
    store.wait()
    if damaged:
        (tmp_path / "8" / "record.json").unlink()
    assert store.restore(like=make(0), anchor=not damaged).step == 2
    store.save(4, make(4), {})
    store.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4"]
    store.close()


def test_a_state_is_copied_before_it_is_donated(tmp_path):
    store = Checkpoints(tmp_path, keep=40)
    add = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    state = {"a": jnp.zeros((200, 200)), "b": jnp.zeros(3, jnp.int32)}
    for step in range(30):
        store.save(step, state, {})
        state = add(state)
    store.wait()
    for step in (0, 13, 29):
        folder = tmp_path / str(step)
        alone = tmp_path / f"only{step}" / str(step)
        shutil.copytree(folder, alone)
        found = Checkpoints(alone.parent).restore(like=jax.eval_shape(lambda: state))
        assert {float(x) for leaf in jax.tree.leaves(found.state) for x in np.unique(leaf)} == {
            float(step)
        }
    store.close()


def test_a_record_that_changes_later_is_saved_as_it_was(tmp_path):
    store, record = Checkpoints(tmp_path), {"history": [1]}
    store.save(1, make(1), record)
    record["history"].append(2)
    assert store.restore(like=make(0)).record == {"history": [1]}
    store.close()


def test_a_record_that_is_no_json_is_refused_at_once(tmp_path):
    store = Checkpoints(tmp_path)
    for record in ({"loss": float("nan")}, {"loss": jnp.zeros(())}):
        with pytest.raises((ValueError, TypeError), match="JSON"):
            store.save(1, make(1), record)
    store.save(1, make(1), {})
    store.close()
    assert Checkpoints(tmp_path).latest() == 1


def test_free_space_is_looked_at_first(tmp_path, monkeypatch):
    store = Checkpoints(tmp_path)
    store.save(1, make(1), {})
    store.wait()
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(
        DiskFull, match=r"needs 1 MB, but .* has 0 MB left; that of update 1 is whole"
    ):
        store.save(2, make(2), {})
    monkeypatch.undo()
    store.save(3, make(3), {})
    assert store.restore(like=make(0)).step == 3
    store.close()


def check_for_ever(store):
    while True:
        store.check()
        time.sleep(0.01)


def test_a_disk_that_fills_while_writing_is_told_at_once_and_harms_nothing(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, make(1), {})
    store.wait()
    large = {"weights": jax.random.normal(jax.random.key(0), (600, 600))}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # as a disk of 100 kB
    try:
        store.save(2, large, {})
        with pytest.raises(
            DiskFull, match=r"update 2 could .* \(File too large\); .*update 1 is whole"
        ):
            check_for_ever(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    store.save(2, make(2), {})
    assert store.restore(like=make(0)).step == 2
    store.close()


def test_what_else_the_system_refuses_is_said_but_is_no_full_disk(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, make(1), {})
    store.wait()
    (tmp_path / ".saving-2").touch()  # where a folder is to be made
    store.save(2, make(2), {})
    with pytest.raises(OSError, match=r"update 2 .*\(Not a directory\).*update 1") as caught:
        store.wait()
    assert not isinstance(caught.value, DiskFull)
    store.save(3, make(3), {})
    assert store.restore(like=make(0)).step == 3
    store.close()


SAVE_FOR_EVER = """
import os, sys
import jax.numpy as jnp
from pathlib import Path
from ganjax.training.checkpoint import Checkpoints
for line in sys.stdin:  # one child for each, so that all is imported once
    if child := os.fork():
        os.waitpid(child, 0)
        print("dead", flush=True)
        continue
    print(os.getpid(), flush=True)
    store = Checkpoints(Path(sys.argv[1]))
    step = store.latest() or 0
    while True:
        step += 1
        store.save(step, {"weights": jnp.full((300, 300), float(step))}, {"step": step})
        print(step, flush=True)
"""


def test_kills_in_the_middle_of_saves_leave_a_whole_checkpoint(tmp_path):
    rng, like = np.random.default_rng(0), {"weights": jnp.zeros((300, 300))}
    inside = 0
    with subprocess.Popen(
        [sys.executable, "-c", SAVE_FOR_EVER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as parent:  # fmt: skip
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(10):
            print(file=parent.stdin)
            child, _, second = (int(parent.stdout.readline()) for _ in range(3))
            time.sleep(rng.uniform(0.05, 0.3))
            os.kill(child, signal.SIGKILL)
            begun = [second, *map(int, iter(parent.stdout.readline, "dead\n"))][-1]
            inside += any(path.name.startswith(".") for path in tmp_path.iterdir())
            found = Checkpoints(tmp_path).restore(like=like)
            assert found.step >= begun - 1  # to begin one waits for the one before
            assert (found.record, found.passed_over) == ({"step": found.step}, [])
            assert np.unique(found.state["weights"]).tolist() == [found.step]
        parent.stdin.close()
    store = Checkpoints(tmp_path)
    store.save(10_000, like, {})
    store.close()
    assert all(path.name.isdecimal() for path in tmp_path.iterdir())  # leftovers are gone
    assert inside


def test_nothing_is_pickled(three):
    for path in files_of(three):
        assert not path.read_bytes().startswith(b"\x80\x04"), path
    assert json.loads((three / "3" / "record.json").read_text())["anchor"] is False
    assert os.access(three / "3" / "manifest.json", os.R_OK)
    assert Path(three / "3" / "state").is_dir()
