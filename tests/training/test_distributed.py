"""Several processes on loopback make the run that one makes; who does not come is named."""

import os
import re
import socket
import subprocess
import sys
import threading
from time import monotonic, sleep

import jax
import numpy as np
import pytest
from PIL import Image

from ganjax import synthesis
from ganjax.config import GANConfig, TrainConfig
from ganjax.data import sources
from ganjax.data.export import write_labelled_images
from ganjax.errors import UserError
from ganjax.interruption import EXIT_CODE
from ganjax.synthesis import train_run
from ganjax.training import distributed, liveness

TINY = {
    "width": 8, "latent_size": 4, "batch_size": 8, "updates": 6, "augment": "none", "r1_weight": 0.0
}  # fmt: skip
FLAGS = [f"--gan.{name.replace('_', '-')}={value}" for name, value in TINY.items()]
PATIENCE = 300
"""Seconds that a run of several processes may take on a busy machine."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A source whose images can be read one by one."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (41, 8, 8, 1), np.uint8), np.arange(41) % 3
    folder = tmp_path_factory.mktemp("images") / "set"
    write_labelled_images(folder, pixels, labels.astype(np.int32), ("a", "b", "c"), facts={})
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    config = TrainConfig(source=images, gan=GANConfig(**TINY))
    return train_run.train(config, tmp_path_factory.mktemp("alone") / "run")


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def start(arguments, *, devices=1, cache):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        "JAX_PLATFORMS": "cpu",
        "GANJAX_CACHE": str(cache),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ganjax", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_together(processes, arguments, **settings):
    """Start processes of one run, and return each one's code, output and errors."""
    address = f"127.0.0.1:{free_port()}"
    joined = ["--distributed", address, "--processes", processes, "--process-id"]
    started = [start([*arguments, *joined, i], **settings) for i in range(processes)]
    try:
        outputs = [process.communicate(timeout=PATIENCE) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(p.returncode, *output) for p, output in zip(started, outputs, strict=True)]


def without_gloo(text):
    """Its greetings are printed by XLA, in every process, now and then one within another."""
    lines = text.splitlines()
    return [line for line in lines if "[Gloo]" not in line and "peer ranks" not in line]


@pytest.mark.parametrize(("processes", "devices", "more"), [(2, 2, ["--shard-state"]), (4, 1, [])])
def test_a_run_of_several_processes_is_that_of_one(
    images, alone, tmp_path, processes, devices, more
):
    out = tmp_path / "run"
    results = run_together(
        processes,
        ["train", images, "--out", out, *FLAGS, *more],
        devices=devices,
        cache=tmp_path / "cache",
    )
    assert [code for code, _, _ in results] == [0] * processes, results
    assert "trained" in results[0][1]
    assert [without_gloo(output) for _, output, _ in results[1:]] == [[]] * (processes - 1)
    assert {path.name for path in out.iterdir()} == {
        "checkpoints", "config.json", "generator.json", "history.json", "overview.png",
        "weights.json", "weights.safetensors", "command.txt",
    }  # fmt: skip
    found = synthesis.load(out)  # on one device of one process
    expected = jax.tree_util.tree_leaves_with_path(alone.state)
    for (path, wanted), got in zip(expected, jax.tree.leaves(found.state), strict=True):
        error = np.linalg.norm(np.float64(got) - wanted)
        assert error <= 1e-4 * max(np.linalg.norm(wanted), 1e-6), jax.tree_util.keystr(path)
    for name, values in alone.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-4, atol=1e-5)


def test_an_error_in_one_process_ends_all_of_them(images, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "something").touch()
    arguments = ["train", images, "--out", tmp_path / "run", *FLAGS]
    first, second = run_together(2, arguments, cache=tmp_path / "cache")
    assert first[0] == second[0] == 2
    assert "holds files that are no ganjax run" in first[2]
    assert without_gloo(second[1] + second[2]) == []


@pytest.fixture
def roll(monkeypatch):
    """Call and answer the roll in threads of this process, without joining JAX's service."""
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **kwargs: None)
    monkeypatch.setattr(liveness, "accept", lambda *args: None)  # it is the whole process's
    monkeypatch.setattr(liveness, "join", lambda *args: None)
    port = free_port()

    def connect(processes, process_id, timeout):
        said = []

        def answer():
            try:
                distributed.connect(f"127.0.0.1:{port}", processes, process_id, timeout=timeout)
                said.append(None)
            except UserError as error:
                said.append(str(error))

        thread = threading.Thread(target=answer)
        thread.start()
        return thread, said

    def together(*wanted):
        started = [connect(*one) for one in wanted]
        for thread, _ in started:
            thread.join()
        return [said for _, [said] in started]

    return together


def test_all_here_means_go(roll):
    assert roll((3, 2, 20), (3, 0, 20), (3, 1, 20)) == [None, None, None]


def test_who_never_joins_is_named_to_all_who_did(roll):
    first, other = roll((4, 0, 1), (4, 2, 1))
    assert "waited 1 s at 127.0.0.1" in first
    assert "never joined: 1, 3;" in first
    assert other == first


def test_a_missing_first_process_is_named(roll):
    [said] = roll((2, 1, 0.5))
    assert "process 0 did not answer" in said
    assert "within 0.5 s" in said


def test_processes_that_contradict_each_other_are_told(roll):
    first, other = roll((2, 0, 20), (3, 1, 20))
    assert first == other == "process 1 says --processes 3, process 0 2"
    first, *others = roll((3, 0, 20), (3, 1, 20), (3, 1, 20))
    assert first == "two processes say --process-id 1"
    assert first in others


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("here", 2, 0), "HOST:PORT or auto, not 'here'"),
        (("host:99999", 2, 0), "HOST:PORT or auto"),
        (("host:1234", None, None), "needs --processes N and --process-id I"),
        (("host:1234", 2, 2), "--process-id 2 is not one of 0 to 1"),
        (("auto", 2, None), "leave them out"),
    ],
)
def test_arguments_that_do_not_fit_together(arguments, said):
    with pytest.raises(UserError, match=re.escape(said)):
        distributed.connect(*arguments)


def test_an_address_in_use_is_said():
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match=f"cannot listen on {address}"):
            distributed.connect(address, 2, 0, timeout=1)


def test_auto_without_a_cluster_says_what_to_give(monkeypatch):
    def find_nothing(**settings):
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", find_nothing)
    with pytest.raises(UserError, match="give HOST:PORT, --processes and --process-id"):
        distributed.connect("auto", timeout=1)


def test_alone_one_is_first_and_agrees_with_oneself():
    assert distributed.is_first()
    assert distributed.agreed(True)
    assert distributed.together(lambda: 3) == 3


def test_unread_images_are_those_that_would_be_read(images):
    whole = sources.load(images).train
    unread = sources.unread(images)
    assert len(unread) == len(whole)
    assert unread.class_names == whole.class_names
    np.testing.assert_array_equal(unread.labels, whole.labels)
    rows = np.array([7, 3, 40])
    np.testing.assert_array_equal(unread.take(rows).images, whole.images[rows])
    few = unread.only(rows)
    np.testing.assert_array_equal(few.take(np.array([1])).images, whole.images[[3]])


def test_a_folder_decodes_only_what_is_taken(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(3):
            Image.fromarray(pixels).save(tmp_path / label / f"{i}.png")
            whole = (tmp_path / label / f"{i}.png").read_bytes()
            (tmp_path / label / f"{i}.png").write_bytes(whole[: len(whole) // 2])
    unread = sources.unread(f"folder:{tmp_path}", in_part=True)
    assert len(unread) == 6
    with pytest.raises(UserError, match=r"0\.png"):
        unread.take(np.array([3]))


def test_where_one_is_killed_the_same_commands_end_as_if_nothing_had_been(images, tmp_path):
    config = TrainConfig(source=images, gan=GANConfig(**{**TINY, "updates": 60}))
    alone = train_run.train(config, tmp_path / "alone")
    out = tmp_path / "run"
    command = ["train", images, "--out", out, *FLAGS[:3], "--gan.updates=60", *FLAGS[4:]]
    command += ["--checkpoint-seconds", "0"]
    address = f"127.0.0.1:{free_port()}"
    joined = ["--distributed", address, "--processes", 2, "--process-id"]
    started = [start([*command, *joined, i], cache=tmp_path / "cache") for i in range(2)]
    deadline = monotonic() + PATIENCE
    while not any(out.glob("checkpoints/1?")) and monotonic() < deadline:
        sleep(0.05)
    started[1].kill()
    _, errors = started[0].communicate(timeout=60)
    assert started[0].returncode == EXIT_CODE, errors
    assert "process 1 has gone" in errors
    results = run_together(2, command, cache=tmp_path / "cache")
    assert [code for code, _, _ in results] == [0, 0], results
    found = synthesis.load(out)
    assert (int(found.state.step), found.update) == (60, alone.update)
    for wanted, got in zip(jax.tree.leaves(alone.state), jax.tree.leaves(found.state), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=1e-4)
