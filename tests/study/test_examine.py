"""What is left of a run after a kill can always be read: what is whole, who runs, how to go on."""

import shutil

import numpy as np
import pytest

from ganjax.config import GANConfig, TrainConfig, Upkeep
from ganjax.data import lock
from ganjax.errors import UserError
from ganjax.study.examine import examine
from ganjax.synthesis import train_run

COMMAND = "ganjax train digits --out somewhere"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "gan"
    gan = GANConfig(width=8, latent_size=4, batch_size=4, updates=4, augment="none")
    config = TrainConfig("digits", per_class=6, gan=gan)
    train_run.train(config, out, upkeep=Upkeep(checkpoint_seconds=0), command=COMMAND)
    return out


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "gan")
    return tmp_path / "gan"


def test_a_finished_run_is_whole(run):
    found = examine(run)
    assert (found.kind, found.state, found.advice) == ("train", "finished", "nothing is left to do")
    assert not found.damaged
    whole = {finding.what for finding in found.findings}
    assert {"config.json", "overview.png", "weights.safetensors", "checkpoints/4"} <= whole


def test_a_stopped_run_says_what_to_type(copy):
    (copy / "overview.png").unlink()
    found = examine(copy)
    assert (found.state, found.advice) == ("stopped", f"to go on: {COMMAND}")
    (copy / "command.txt").unlink()
    assert f"ganjax train SOURCE --out {copy}" in examine(copy).advice


def test_a_run_under_way_is_named_with_its_owner(copy):
    with lock.hold(copy):
        assert examine(copy).state.startswith("running (process ")


def test_damage_is_named_and_nothing_is_changed(copy):
    for name in ("history.json", "overview.png", "weights.safetensors"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[: len(content) // 2])
    array = next(
        path for path in (copy / "checkpoints" / "4").rglob("*") if path.parent.name == "d"
    )
    array.write_bytes(b"")
    (copy / "checkpoints" / ".saving-9").mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*"))
    damaged = {finding.what: finding.wrong for finding in examine(copy).damaged}
    assert set(damaged) == {
        "history.json", "overview.png", "weights.safetensors", "checkpoints/4"
    }  # fmt: skip
    assert "0 bytes instead of" in damaged["checkpoints/4"]
    assert sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*")) == before


def test_half_a_run_is_readable_too(tmp_path):
    with lock.hold(tmp_path / "begun"):
        assert examine(tmp_path / "begun").findings == ()
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with pytest.raises(UserError, match="is no ganjax run"):
        examine(tmp_path)
