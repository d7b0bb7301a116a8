"""`ganjax synthesize` as it is typed: what it takes, what it says, how it stops and goes on."""

import json
import os
import shlex
import signal
from dataclasses import fields

import jax
import numpy as np
import pytest

from ganjax import cli
from ganjax.cli.synthesize import Synthesize
from ganjax.config import GANConfig
from ganjax.data.export import writing
from ganjax.data.sources import Dataset
from ganjax.interruption import EXIT_CODE
from ganjax.synthesis import trained
from ganjax.synthesis.description import describe
from ganjax.synthesis.wish import Wish

NAMES = ("a=b", "<i>", "3")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny GAN of classes with awkward names."""
    folder = tmp_path_factory.mktemp("runs") / "gan"
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1)).astype(np.uint8)
    dataset = Dataset("toy", images, np.arange(30, dtype=np.int32) % 3, NAMES)
    config = GANConfig(width=8, latent_size=4, batch_size=4, updates=1, augment="none", r1_weight=0)
    trained.train_in(folder, describe(config, dataset), dataset, jax.random.key(0))
    return folder


@pytest.fixture
def ganjax(capsys, monkeypatch):
    # the command line's cache of compiled programs is not these tests' affair
    monkeypatch.setattr("ganjax.environment.use_compilation_cache", lambda: None)

    def call(*arguments):
        capsys.readouterr()
        code = 0
        try:
            cli.main(["synthesize", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def counts(folder):
    return json.loads((folder / "manifest.json").read_text())["counts"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--count", "4"], [2, 1, 1]),
        (["--per-class", "2"], [2, 2, 2]),
        (["--per-class", "a=b=2", "3=1"], [2, 0, 1]),
        (["--per-class", "<i>=5"], [0, 5, 0]),
        ([], [334, 333, 333]),
    ],
)
def test_how_many_is_said_in_several_ways(run, ganjax, tmp_path, flags, expected):
    code, out, _ = ganjax(run, "--out", tmp_path / "out", *flags)
    assert code == 0
    assert counts(tmp_path / "out") == expected
    assert out.splitlines()[0] == f"{tmp_path / 'out'}: {sum(expected)} images and manifest.json"
    assert out.splitlines()[1] == f"Read it as: folder:{tmp_path / 'out'}"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--per-class", "many"], "--per-class takes N or CLASS=N, not many"),
        (["--per-class", "3=-1"], "--per-class takes N or CLASS=N, not 3=-1"),
        (["--per-class", "3", "4"], "--per-class takes one N, or CLASS=N for each class, not 3 4"),
        (["--per-class", "3=1", "3=2"], "--per-class names a class twice: 3=1 3=2"),
        (["--per-class", "4=1"], "--per-class 4: no such class; there are a=b, <i>, 3"),
        (["--count", "3", "--per-class", "1"], "give only one of --count and --per-class"),
        (["--balance"], "every class has 10 training images, so nothing is to be balanced"),
        (["--include-real"], "--include-real: the images that "),
        (["--select", "agreement"], "--select agreement needs the training images: the images "),
        (["--keep-fraction", "0.5"], "--keep-fraction needs --select agreement or discriminator"),
        (["--select", "discriminator", "--keep-fraction", "0"], "--keep-fraction must be above 0"),
        (["--truncation", "0"], "--truncation must be above 0, such as 0.7, not 0.0"),
        (["--expansion", "inf"], "--expansion must be above 0, such as 1.5, not inf"),
        (["--expansion", "2", "--truncation", "1"], "give only one of --truncation and --expan"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(
    run, ganjax, tmp_path, flags, said
):
    code, out, err = ganjax(run, "--out", tmp_path / "out", *flags)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"ganjax: error: {said}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("form", "read_as"),
    [("npz", "npz:{}/images.npz"), ("tfds", "tfds:ganjax_images --data-dir {}")],
)
def test_it_says_how_a_set_is_read(run, ganjax, tmp_path, form, read_as):
    code, out, _ = ganjax(run, "--count", "2", "--format", form, "--out", tmp_path / "out")
    assert code == 0
    assert out.splitlines()[1] == f"Read it as: {read_as.format(tmp_path / 'out')}"


def test_stopped_it_says_what_goes_on_and_that_is_the_same_command(
    run, ganjax, tmp_path, monkeypatch
):
    add = writing.ClassFolders.add

    def asked_to_stop(self, first, pixels):
        os.kill(os.getpid(), signal.SIGTERM)
        return add(self, first, pixels)

    arguments = [run, "--count", "300", "--out", tmp_path / "out"]
    with monkeypatch.context() as patch:
        patch.setattr(writing.ClassFolders, "add", asked_to_stop)
        code, _, err = ganjax(*arguments)
    assert code == EXIT_CODE
    again = f"ganjax synthesize {run} --count 300 --out {tmp_path / 'out'}"
    assert err.splitlines()[-1] == f"ganjax: stopped by SIGTERM; to go on: {again}"
    code, _, err = ganjax(*arguments)
    assert code == 0
    assert "going on after 128 of 300 images" in err
    assert counts(tmp_path / "out") == [100, 100, 100]
    code, out, _ = ganjax(*arguments)
    assert code == 0
    assert out.splitlines()[0].endswith(": 300 images and manifest.json, all there already")


def test_the_command_on_record_makes_the_same_set(run, ganjax, tmp_path):
    ganjax(run, "--per-class", "a=b=2", "<i>=1", "--seed", "5", "--out", tmp_path / "one")
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    words = shlex.split(manifest["command"])
    assert words[:2] == ["ganjax", "synthesize"]
    assert words[-2:] == ["--out", "DIR"]
    assert ganjax(*words[2:-1], tmp_path / "other")[0] == 0
    for file in (tmp_path / "one").rglob("*.*"):
        other = tmp_path / "other" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes()


def test_the_verb_takes_what_the_wish_takes():
    names = {field.name for field in fields(Synthesize)}
    assert names == {field.name for field in fields(Wish)} | {"run_folder", "out"}
