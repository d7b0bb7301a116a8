"""The command line: every wrong wish ends in one line and code 2, every right one in its files."""

import json
import os
import shlex
import signal
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image

import ganjax as package
from ganjax import cli
from ganjax.data import sources
from ganjax.interruption import EXIT_CODE
from ganjax.progress import Silent

TINY = ["--per-class", "8", "--gan.updates", "6", "--gan.width", "8", "--gan.latent-size", "4"]
TINY_STUDY = [
    "--per-class", "4", "--replicates", "3", "--pool", "40",
    "--gan.updates", "4", "--gan.width", "8", "--gan.augment", "none", "--gan.r1-weight", "0",
    "--classifier.width", "4", "--classifier.updates", "4", "--classifier.evaluations", "1",
    "--classifier.seeds", "1", "--classifier.ratios", "0", "1", "--classifier.strengths", "0", "1",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of these tests' own; what the command line sets for JAX is taken back."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANJAX_CACHE", str(folder))
        compilation_cache.reset_cache()
        yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def ganjax(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = run(*arguments)
        output = capsys.readouterr()
        return SimpleNamespace(code=code, out=output.out, err=output.err)

    return call


def run(*arguments):
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return ended.code
    return 0


def image_folder(path, counts, *, size=(8, 8), mode="L"):
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (path / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            shape = size[::-1] + ((3,) if mode == "RGB" else ())
            pixels = rng.integers(0, 256, shape).astype(np.uint8)
            Image.fromarray(pixels).save(path / name / f"{mode}{size[0]}-{i}.png")
    return f"folder:{path}"


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def unknown_source(path):
    return ["digitz"], "unknown source 'digitz' (did you mean digits?): give digits, tfds:NAME"


def forgotten_prefix(path):
    image_folder(path / "photos", {"a": 1})
    return [str(path / "photos")], "did you mean folder:"


def missing_folder(path):
    return [f"folder:{path / 'nowhere'}"], "does not exist: give a folder"


def empty_folder(path):
    (path / "empty").mkdir()
    return [f"folder:{path / 'empty'}"], "is empty: put the images of each class into a folder"


def empty_class(path):
    source = image_folder(path / "photos", {"a": 20, "b": 20})
    (path / "photos" / "c").mkdir()
    return [source], "holds no image: add some or remove the folder"


def too_few_images(path):
    source = image_folder(path / "photos", {"large": 40, "small": 14})
    return [source, "--per-class", "15"], "fewer than --per-class 15: give --per-class "


def one_class_only(path):
    return [image_folder(path / "photos", {"a": 20})], "a classifier needs at least 2"


def many_broken_images(path):
    source = image_folder(path / "photos", {"a": 10, "b": 10})
    for i in range(2):
        (path / "photos" / "b" / f"x{i}.png").write_text("no image")
    return [source], "2 of the 12 images of class b cannot be used, more than 10%"


def a_broken_image_that_may_not_be(path):
    source = image_folder(path / "photos", {"a": 10, "b": 20})
    (path / "photos" / "b" / "x.png").write_text("no image")
    return [source, "--on-bad", "fail"], "b/x.png is no image in a format that is read"


def an_impossible_size(path):
    return ["digits", "--size", "129"], "--size must be at most 128, not 129"


def an_impossible_number_of_channels(path):
    return ["digits", "--channels", "2"], "--channels must be 1 (grey) or 3 (colour), not 2"


def an_imbalance_the_wrong_way_round(path):
    return ["digits", "--imbalance", "0.1"], "--imbalance must be at least 1"


def leaking_test_images(path):
    for split in ("train", "test"):
        image_folder(path / "photos" / split, {"a": 20, "b": 20})
    return [f"folder:{path / 'photos'}"], "--allow-leakage"


def no_images_per_class(path):
    return ["digits", "--per-class", "0"], "--per-class must be at least "


def unprepared_set(path):
    (path / "tfds").mkdir()
    return ["tfds:mnist", "--data-dir", str(path / "tfds")], "is not prepared in"


def negative_seed(path):
    return ["digits", "--seed", "-1"], "seed must be at least 0, not -1"


def huge_seed(path):
    return ["digits", "--seed", str(2**64)], "seed must be at most"


def impossible_updates(path):
    return ["digits", "--gan.updates", "0"], "updates must be at least 1, not 0"


BAD = [
    unknown_source, forgotten_prefix, missing_folder, empty_folder, empty_class, too_few_images,
    one_class_only, many_broken_images, a_broken_image_that_may_not_be, an_impossible_size,
    an_impossible_number_of_channels, an_imbalance_the_wrong_way_round, leaking_test_images,
    no_images_per_class, unprepared_set, negative_seed, huge_seed, impossible_updates,
]  # fmt: skip


def check_refused(found, message):
    assert found.code == 2
    assert found.out == ""
    lines = found.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("ganjax: error: ")
    assert message in lines[0]


@pytest.mark.parametrize("dry", [False, True], ids=["real", "dry"])
@pytest.mark.parametrize("verb", ["study", "train"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_one_line_and_writes_nothing(bad, verb, dry, ganjax, tmp_path):
    arguments, message = bad(tmp_path)
    before = contents(tmp_path)
    flags = ["--dry-run"] if dry else []
    found = ganjax(verb, *arguments, "--out", tmp_path / "out", *flags)
    check_refused(found, message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "fast"], "--preset must be one of quick, standard, thorough, not 'fast'"),
        (["--preset=fast"], "--preset must be one of quick, standard, thorough, not 'fast'"),
        (["--per-class", "1"], "--per-class must be at least 2"),
        (["--replicates", "2"], "--replicates must be at least 3"),
        (["--classifier.ratios", "0.5", "1"], "ratios must begin with 0"),
        (["--classifier.updates", "7"], "must be a multiple of evaluations"),
        (["--classifier.ema-decay", "1"], "try --classifier.ema-decay 0.99"),
        (["--test-fraction", "0"], "test_fraction must be between 0 and 1"),
        (["--test-fraction", "0.001"], "--test-fraction"),
        (["--keep-fraction", "0.5"], "--keep-fraction needs --select agreement or discriminator"),
        (["--select", "agreement", "--keep-fraction", "0"], "must be above 0 and at most 1, not 0"),
        (["--select", "validation", "--keep-fraction", "0.5"], "by --select validation itself"),
        (["--per-class", "5000"], "fewer than --per-class 5000: give --per-class "),
    ],
)
def test_wishes_that_only_a_study_can_have_are_refused(flags, message, ganjax, tmp_path):
    check_refused(ganjax("study", "digits", "--out", tmp_path / "out", *flags), message)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["study", "train"])
def test_a_folder_with_foreign_files_is_refused_and_left_alone(verb, ganjax, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    before = contents(tmp_path)
    found = ganjax(verb, "digits", "--out", tmp_path / "out")
    check_refused(found, "holds files that are no ganjax run; give a new folder")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("verb", ["study", "train"])
def test_a_file_in_place_of_the_folder_is_refused_and_left_alone(verb, ganjax, tmp_path):
    (tmp_path / "out").write_text("years of work")
    check_refused(ganjax(verb, "digits", "--out", tmp_path / "out"), "is a file; give a folder")
    assert contents(tmp_path) == {"out": b"years of work"}


def test_an_unknown_verb_is_refused_with_those_there_are(ganjax):
    check_refused(
        ganjax("studdy", "digits"),
        "unknown verb 'studdy': give data, study, train, synthesize, classify, evaluate, doctor",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "digits"],
        ["study", "--out", "OUT"],
        ["study", "digits", "--out", "OUT", "--replicates", "many"],
        ["train", "digits", "--out", "OUT", "--gan.loss", "huber"],
        ["train", "digits", "--out", "OUT", "--no-such-option"],
    ],
    ids=shlex.join,
)
def test_arguments_that_cannot_be_read_are_refused_without_a_traceback(arguments, ganjax, tmp_path):
    found = ganjax(*(a.replace("OUT", str(tmp_path / "out")) for a in arguments))
    assert found.code == 2
    assert "Traceback" not in found.err
    assert found.err
    assert not any(tmp_path.iterdir())


def test_a_process_ends_with_code_2_and_one_line(tmp_path, cache):
    found = subprocess.run(
        [sys.executable, "-m", "ganjax", "study", "digitz", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env={**os.environ, "GANJAX_CACHE": str(cache)},
        check=False,
    )
    check_refused(
        SimpleNamespace(
            code=found.returncode,
            out=found.stdout,
            # progress is told on standard error too
            err="".join(
                line for line in found.stderr.splitlines(True) if not line.startswith("  ")
            ),
        ),
        "unknown source 'digitz'",
    )
    assert not any(tmp_path.iterdir())


def test_without_arguments_the_verbs_are_shown(ganjax):
    found = ganjax()
    assert found.code == 2
    for verb in cli.VERBS:
        assert f"ganjax {verb}" in found.out
    assert ganjax("--help").out == ganjax("-h").out == found.out
    assert ganjax("--help").code == 0


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_of_a_verb_shows_examples(verb, ganjax):
    found = ganjax(verb, "--help")
    assert found.code == 0
    assert f"usage: ganjax {verb}" in found.out
    assert "Examples:" in found.out
    assert f"\n  ganjax {verb}" in found.out


def test_help_of_a_study_shows_the_defaults_of_the_preset(ganjax):
    said = ganjax("study", "--preset", "thorough", "--help").out
    assert "(default: 10)" in said
    assert "--select {none,agreement,discriminator,validation}" in said
    assert "--keep-fraction" in said


@pytest.mark.parametrize("verb", cli.VERBS)
def test_examples_in_the_help_can_be_read(verb, monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(cli.VERBS[verb], "run", lambda self, command: done.append(command))
    lines = [line.strip() for line in cli.VERBS[verb].__doc__.splitlines()]
    examples = [line for line in lines if line.startswith("ganjax ")]
    assert examples
    for example in examples:
        assert run(*shlex.split(example)[1:]) == 0
    assert [shlex.split(command) for command in done] == [shlex.split(e) for e in examples]


def test_version_is_the_packages(ganjax):
    found = ganjax("--version")
    assert (found.code, found.out) == (0, f"{package.__version__}\n")


def test_doctor_tells_versions_devices_and_the_cache(ganjax, cache):
    found = ganjax("doctor")
    assert found.code == 0
    rows = dict(line.split(None, 1) for line in found.out.splitlines() if len(line.split()) > 1)
    assert rows["jax"].strip() == jax.__version__
    assert rows["ganjax"].strip() == package.__version__
    assert rows["devices"].strip() == "8"
    assert {"python", "memory_gb", "backend", "cache", "numpy"} <= set(rows)


@pytest.mark.parametrize("verb", ["study", "train"])
def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(verb, ganjax, tmp_path):
    found = ganjax(verb, "digits", "--per-class", "8", "--out", tmp_path / "out", "--dry-run")
    assert found.code == 0
    assert not any(tmp_path.iterdir())
    assert "parameters: generator " in found.out
    assert ", discriminator " in found.out
    assert "situation tiny: " in found.out
    assert " 2,000 updates" in found.out
    assert "memory for states and images: about " in found.out
    assert "T(x) in the discriminator: " in found.out
    config = json.loads(found.out[found.out.index("\n{") :])
    assert (config["source"], config["per_class"]) == ("digits", 8)
    assert config["gan"]["situation"] == "auto"


def test_what_is_typed_wins_over_the_preset(ganjax, tmp_path):
    found = ganjax(
        "study", "digits", "--preset", "quick", "--gan.width", "8", "--replicates", "4",
        "--select", "discriminator", "--out", tmp_path / "out", "--dry-run",
    )  # fmt: skip
    assert "samples to learn from: selected by discriminator" in found.out
    config = json.loads(found.out[found.out.index("\n{") :])
    assert config["preset"] == "quick"
    assert (config["replicates"], config["gan"]["width"]) == (4, 8)
    assert config["gan"]["updates"] == 1000
    assert (config["select"], config["leak_detector"]) == ("discriminator", False)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--devices", "9"], "--devices 9, but JAX sees only 8"),
        (["--devices", "0"], "--devices must be at least 1, not 0"),
        (["--gan.batch-size", "12"], "does not divide by 8 devices: give --devices 6 or"),
        (["--process-id", "0"], "need --distributed HOST:PORT"),
        (["--distributed", "auto", "--processes", "2"], "leave them out"),
        (["--distributed", "nowhere"], "takes HOST:PORT or auto, not 'nowhere'"),
    ],
)
def test_devices_that_do_not_fit_are_refused(flags, said, ganjax, tmp_path):
    out = tmp_path / "new"
    check_refused(ganjax("train", "digits", "--out", out, *TINY, *flags), said)
    assert not out.exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """The folder of a tiny GAN, trained by the command line."""
    out = tmp_path_factory.mktemp("trained") / "gan"
    assert run("train", "digits", "--out", out, *TINY) == 0
    return out


def test_training_leaves_what_a_run_consists_of(trained):
    assert {p.name for p in trained.iterdir()} == {
        "config.json", "generator.json", "checkpoints", "history.json", "overview.png",
        "weights.json", "weights.safetensors", "command.txt",
    }  # fmt: skip
    history = json.loads((trained / "history.json").read_text())
    assert history["metrics"]["update"] == [1, 2, 3, 4, 5, 6]
    assert history["looks"]["update"] == [1, 2, 3, 4, 5, 6]
    with Image.open(trained / "overview.png") as overview:
        assert overview.size == (80, 80)


def test_training_again_ends_at_once_with_the_same_run(trained, ganjax):
    before = contents(trained)
    found = ganjax("train", "digits", "--out", trained, *TINY)
    assert found.code == 0
    assert f"ganjax synthesize {trained}" in found.out
    assert contents(trained) == before


@pytest.mark.parametrize("flags", [[], ["--dry-run"]], ids=["real", "dry"])
def test_training_something_else_in_the_folder_is_refused(trained, flags, ganjax):
    before = contents(trained)
    found = ganjax("train", "digits", "--out", trained, *TINY, "--gan.loss", "hinge", *flags)
    check_refused(found, "another run (gan.loss: None, not hinge); give a new folder")
    assert contents(trained) == before
    check_refused(ganjax("study", "digits", "--out", trained), "holds another run (")
    assert contents(trained) == before


def test_a_stopped_training_says_so_and_goes_on_to_the_same_end(
    trained, ganjax, tmp_path, monkeypatch
):
    class StopAtThree(Silent):
        def stage(self, name, total, unit):
            if name != "train the GAN":
                return super().stage(name, total, unit)
            return Stage()

    class Stage:
        def __enter__(self):
            return self.tick

        def __exit__(self, *error):
            return False

        def tick(self, done, note=""):
            if done == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    command = ["train", "digits", "--out", tmp_path / "gan", *TINY]
    with monkeypatch.context() as patch:
        patch.setattr("ganjax.cli.train.Terminal", StopAtThree)
        found = ganjax(*command)
    assert found.code == EXIT_CODE
    assert "SIGTERM: saving after this call\n" in found.err
    assert (
        f"ganjax: stopped by SIGTERM; to go on: {shlex.join(['ganjax', *map(str, command)])}\n"
        in (found.err)
    )
    assert not (tmp_path / "gan" / "history.json").exists()
    assert ganjax(*command).code == 0
    for name in ("history.json", "overview.png", "config.json", "generator.json"):
        assert (tmp_path / "gan" / name).read_bytes() == (trained / name).read_bytes()


def test_synthesized_images_read_back_as_a_labelled_folder(trained, ganjax, tmp_path):
    found = ganjax("synthesize", trained, "--count", "25", "--out", tmp_path / "images")
    assert found.code == 0
    assert "25 images and manifest.json" in found.out
    source = sources.load(f"folder:{tmp_path / 'images'}")
    assert source.test is None
    assert source.train.class_names == tuple(str(i) for i in range(10))
    assert source.train.counts().tolist() == [3] * 5 + [2] * 5
    assert source.train.images.shape == (25, 8, 8, 1)
    manifest = json.loads((tmp_path / "images" / "manifest.json").read_text())
    assert manifest["counts"] == source.train.counts().tolist()
    assert (manifest["seed"], manifest["trained_on"]) == (0, "digits")
    assert 1 <= manifest["updates"] <= 6
    assert manifest["command"].startswith("ganjax synthesize ")
    for row in manifest["files"]:
        assert (tmp_path / "images" / row["file"]).is_file()


def test_an_image_is_the_same_whatever_the_count_and_other_with_another_seed(
    trained, ganjax, tmp_path
):
    for name, flags in {"few": ["--count", "7"], "many": ["--count", "12"]}.items():
        assert ganjax("synthesize", trained, *flags, "--out", tmp_path / name).code == 0
    other = ["--count", "7", "--seed", "1"]
    assert ganjax("synthesize", trained, *other, "--out", tmp_path / "other").code == 0
    few, many, others = (
        {k: v for k, v in contents(tmp_path / name).items() if k.endswith(".png")}
        for name in ("few", "many", "other")
    )
    assert len(few) == 7
    assert few.items() <= many.items()
    assert few != others


def test_synthesizing_where_it_cannot_be_done_is_refused(trained, ganjax, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("years of work")
    before = contents(tmp_path)
    new = tmp_path / "new"
    for arguments, message in [
        ([trained, "--count", "0", "--out", new], "--count must be at least 1, not 0"),
        ([tmp_path / "nowhere", "--out", new], "holds no trained generator: give the --out of"),
        ([tmp_path / "used", "--out", new], "holds no trained generator: give the --out of"),
        ([trained, "--out", tmp_path / "used"], "exists and is not empty; give a new folder"),
        ([trained, "--out", tmp_path / "used" / "thesis.tex"], "exists and is not empty"),
    ]:
        check_refused(ganjax("synthesize", *arguments), message)
    assert contents(tmp_path) == before


def test_a_gan_without_labels_makes_images_without_labels(ganjax, tmp_path):
    source = image_folder(tmp_path / "photos", {"a": 6, "b": 6}, mode="RGB")
    tiny = ["--gan.updates", "2", "--gan.width", "8", "--gan.augment", "none"]
    out = tmp_path / "gan"
    assert ganjax("train", source, "--no-conditional", "--out", out, *tiny).code == 0
    with Image.open(out / "overview.png") as overview:
        assert (overview.size, overview.mode) == ((80, 80), "RGB")
    images = tmp_path / "images"
    assert ganjax("synthesize", out, "--count", "3", "--out", images).code == 0
    assert len(list((images / "all").glob("*.png"))) == 3


def test_a_study_prints_its_answer_and_leaves_its_report(ganjax, tmp_path):
    source = image_folder(tmp_path / "photos", {"cat": 24, "dog": 24})
    out = tmp_path / "study"
    command = ["study", source, "--out", out, *TINY_STUDY]
    found = ganjax(*command)
    assert found.code == 0
    stored = json.loads((out / "results.json").read_text())
    assert stored["verdict"]["text"] in " ".join(found.out.split())
    for text in ("real", "classical", "generated", "both", str(out / "report.html")):
        assert text in found.out
    assert "<html" in (out / "report.html").read_text()
    assert stored["command"] == shlex.join(["ganjax", *map(str, command)])
    assert stored["classes"] == ["cat", "dog"]

    again = ganjax(*command)  # finished: nothing to compute
    assert again.code == 0
    assert again.out == found.out
    before = contents(out)
    check_refused(ganjax(*command, "--seed", "1"), "another run (seed: 0, not 1)")
    assert contents(out) == before

    # a source that changed under a study: its sealed test set is another one
    (out / "results.json").unlink()
    image_folder(tmp_path / "photos", {"cat": 30})
    before = contents(out)
    found = ganjax(*command)
    assert found.code == 2
    assert found.err.splitlines()[-1].startswith("ganjax: error: ")
    assert "the source has changed since the study began" in found.err
    assert "Traceback" not in found.err
    assert contents(out) == before
