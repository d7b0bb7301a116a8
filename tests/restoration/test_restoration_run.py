"""`ganjax restore` from the command line: trained, gone on with, evaluated, applied."""

import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from ganjax import cli
from ganjax.config import RestorationConfig, RestorerConfig
from ganjax.data import quarantine
from ganjax.errors import UserError
from ganjax.interruption import Interrupted
from ganjax.restoration import train_run
from ganjax.restoration.seen import JUDGE, TEACHER
from ganjax.restoration.trained import load, weights_in
from ganjax.synthesis.weights import WORDS
from ganjax.training import loop, sharding

SMALL = {"width": 4, "depth": 3, "discriminator_width": 4, "batch_size": 8, "updates": 40}
FLAGS = [
    word
    for name, value in SMALL.items()
    for word in (f"--restorer.{name.replace('_', '-')}", str(value))
]
DEGRADED = ["--degradation", "noise:60"]


def scene(seed, height, width):
    """Smooth shapes with an edge, so that there is something to restore."""
    rows, columns = np.mgrid[:height, :width] / 9
    draw = np.random.default_rng(seed)
    values = np.sin(rows + draw.uniform(0, 6)) * np.cos(columns * draw.uniform(0.5, 1.5))
    values = values + (columns > draw.uniform(1, 3))
    return np.uint8(255 * (values - values.min()) / np.ptp(values))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve grey images of several sizes, and a file that is none."""
    path = tmp_path_factory.mktemp("scenes")
    for n in range(12):
        Image.fromarray(scene(n, 24 + 3 * (n % 3), 28)).save(path / f"{n:02d}.png")
    (path / "broken.png").write_bytes(b"no image")
    return path


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "denoise"
    more = ["--adversarial-weights", "0.05", "--restorer.patch", "16", "--out", str(out)]
    cli.main(["restore", "train", f"folder:{folder}", *DEGRADED, *FLAGS, *more])
    return out


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["restore", *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_one_restorer_without_and_one_with_an_adversary_are_trained(run):
    assert weights_in(run) == [0.0, 0.05]
    plain, adversarial = (load(run, weight) for weight in (0, 0.05))
    assert load(run).description.weight == 0.05
    assert set(plain.parameters()) == {"restorer"}
    assert set(adversarial.parameters()) == {"restorer", "discriminator"}
    assert int(plain.state.step) == SMALL["updates"]
    for own in (plain, adversarial):
        assert own.signs["psnr"][-1] > own.signs["degraded_psnr"][-1] + 0.5
        assert {"pixel_loss", "restorer_gradient", "skipped"} <= set(own.history)
    listed = json.loads((run / quarantine.FILE).read_text())
    assert "broken.png" in json.dumps(listed)
    sheets = sorted((run / "weight-0" / "samples").glob("*.png"))
    assert len(sheets) >= 10
    assert Image.open(sheets[-1]).size == (16 * 2, 16 * 3)  # 2 tiles of the image that watches


def test_the_doctor_finds_it_whole_and_finished(run, capsys):
    cli.main(["doctor", str(run)])
    said = " ".join(capsys.readouterr().out.split())
    assert "a restore train, finished" in said
    assert "damaged" not in said


def test_the_weights_can_be_read_by_others(run):
    about = json.loads((run / "weight-0" / "weights.json").read_text())
    assert about["facts"]["degradation"] == "noise:60"
    assert all(name.startswith("restorer/") for name in about["arrays"])


def test_a_training_that_was_cut_ends_as_if_it_had_not_been(run, folder, tmp_path, monkeypatch):
    config = RestorationConfig(
        f"folder:{folder}",
        "noise:60",
        adversarial_weights=(0.05,),
        restorer=RestorerConfig(patch=16, **SMALL),
    )
    told = []

    class Cut(train_run.Silent):
        def say(self, line):
            told.append(line)

    whole = loop.distributed.agreed_signal
    calls = iter(range(10_000))
    monkeypatch.setattr(
        loop.distributed, "agreed_signal", lambda: "SIGTERM" if next(calls) == 25 else None
    )
    with pytest.raises(Interrupted):
        train_run.train(config, tmp_path / "cut", mesh=sharding.make_mesh(), progress=Cut())
    assert not (tmp_path / "cut" / "weight-0.05").exists()
    monkeypatch.setattr(loop.distributed, "agreed_signal", whole)
    found = train_run.train(config, tmp_path / "cut", mesh=sharding.make_mesh())
    for own in found:
        assert own.checksum() == load(run, own.description.weight).checksum()
    assert any("Gaussian noise of sigma 60" in line for line in told)


def test_an_evaluation_compares_with_the_originals(run, folder, capsys, tmp_path):
    out = tmp_path / "evaluation"
    cli.main(["restore", "evaluate", str(run), f"folder:{folder}", "--out", str(out)])
    said = capsys.readouterr().out
    assert "dB" in said
    assert "not trained on" in said
    found = json.loads((out / "results.json").read_text())
    methods = {own["name"]: own for own in found["methods"]}
    assert found["images"] == 1  # of twelve, the one that was not trained on
    assert any("not trained on" in note for note in found["notes"])
    assert {"degraded", "restored", "adversarial weight 0.05", "non-local means"} <= set(methods)
    assert methods["restored"]["psnr_gain"]["mean"] > 0.5
    assert methods["degraded"]["psnr_gain"] is None
    assert methods["restored"]["accuracy"] is None
    page = (out / "report.html").read_text()
    assert "non-local means" in page.lower()
    assert "<img" in page


def test_the_same_evaluation_finds_the_same(run, folder, tmp_path):
    """And other images than those that were trained on are all taken."""
    others = tmp_path / "others"
    others.mkdir()
    for n in range(3):
        Image.fromarray(scene(50 + n, 30, 26)).save(others / f"{n}.png")
    found = []
    for name in ("one", "two"):
        cli.main(["restore", "evaluate", str(run), f"folder:{others}", "--no-classical",
                  "--out", str(tmp_path / name)])  # fmt: skip
        found.append(json.loads((tmp_path / name / "results.json").read_text()))
    for result in found:
        assert (result["images"], result["height"], result["width"]) == (3, 30, 26)
        for method in result["methods"]:
            method.pop("seconds")
    assert found[0]["methods"] == found[1]["methods"]
    low, mean, high = (found[0]["methods"][1]["psnr"][end] for end in ("low", "mean", "high"))
    assert low < mean < high


def test_images_are_restored_into_a_folder(run, folder, tmp_path, capsys):
    out = tmp_path / "restored"
    cli.main(["restore", "apply", str(run), f"folder:{folder}", "--out", str(out), "--weight", "0"])
    assert "12 images restored" in capsys.readouterr().out
    assert sorted(own.name for own in out.glob("*.png")) == [f"{n:02d}.png" for n in range(12)]
    original, restored = (np.asarray(Image.open(own / "03.png")) for own in (folder, out))
    assert restored.shape == original.shape
    assert not np.array_equal(restored, original)
    manifest = json.loads((out / "manifest.json").read_text())
    assert load(run, 0).checksum() in json.dumps(manifest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluat", "x", "y"], "train, apply, evaluate"),
        (["train", "digits", "--degradation", "haze:3", "--out", "x"], "no degradation 'haze'"),
        (["train", "digits", "--degradation", "noise:900", "--out", "x"], "from 0 to 255"),
        (["train", "folder:nowhere", *DEGRADED, "--out", "x"], "does not exist"),
        (["train", "digits", *DEGRADED, "--restorer.patch", "4", "--out", "x"], "at least 8"),
        (["apply", "nowhere", "digits", "--out", "x"], "holds no trained restorer"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = refusal(capsys, *arguments)
    assert said in line
    assert line.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_an_adversarial_weight_that_the_run_has_not_is_refused(run, capsys, tmp_path):
    line = refusal(capsys, "apply", str(run), "digits", "--out", str(tmp_path), "--weight", "0.5")
    assert "give 0 or 0.05" in line


def test_images_in_colour_are_refused_by_a_grey_restorer(run, capsys, tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    (tmp_path / "colour").mkdir()
    Image.fromarray(colour).save(tmp_path / "colour" / "one.png")
    line = refusal(capsys, "evaluate", str(run), f"folder:{tmp_path / 'colour'}")
    assert "in colour" in line


def test_another_configuration_is_refused(run, folder, capsys):
    line = refusal(capsys, "train", f"folder:{folder}", "--degradation", "blur:1", *FLAGS,
                   "--out", str(run))  # fmt: skip
    assert "degradation: noise:60, not blur:1" in line


@pytest.mark.parametrize("content", [b"damaged", b"PK\x03\x04 cut"])
def test_a_folder_that_does_not_tell_what_it_was_trained_on_is_refused(run, tmp_path, content):
    from ganjax.restoration.about import read_about

    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "watched.npz").write_bytes(content)
    with pytest.raises(UserError, match="run its 'ganjax restore train' again"):
        read_about(tmp_path / "copy")


def test_a_grey_restorer_of_labelled_photos_is_evaluated_on_those_it_has_not_seen(
    tmp_path, capsys, monkeypatch
):
    """In colour, of several sizes, of which no classifier sees the whole; and one that is tiny."""
    monkeypatch.chdir(tmp_path)
    for n in range(20):
        file = tmp_path / "photos" / "ab"[n % 2] / f"{n}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        layers = [scene(3 * n + layer, 20 + n % 3, 30) for layer in range(3)]
        Image.fromarray(np.stack(layers, axis=-1)).save(file)
    arguments = ["train", "folder:photos", *DEGRADED, *FLAGS, "--adversarial-weights", "--channels",
                 "1", "--restorer.updates", "1", "--validation-fraction", "0.3"]  # fmt: skip
    cli.main(["restore", *arguments, "--out", "run"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    said = ["--degradation", "strokes:0.2", "--no-classical"]
    cli.main(["restore", "evaluate", "../run", "folder:../photos", *said])
    found = json.loads((tmp_path / "run" / "evaluation" / "results.json").read_text())
    assert found["images"] == 6
    assert found["channels"] == 1
    assert "clean_accuracy" not in found or found["clean_accuracy"] is None
    assert any("another degradation: Gaussian noise of sigma 60" in n for n in found["notes"])
    line = refusal(capsys, "evaluate", "../run", "folder:../photos", "--images", "0")
    assert "--images must be at least 1" in line
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    for n, side in enumerate((5, 12)):
        Image.fromarray(scene(n, side, 12)).save(tmp_path / "small" / f"{n}.png")
    cli.main(["restore", "evaluate", "run", "folder:small", "--no-classical", "--out", "out"])
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["images"] == 1
    assert any("left out: 1 images" in note for note in found["notes"])
    (tmp_path / "photos" / "a" / "0.png").unlink()
    line = refusal(capsys, *arguments, "--out", "run")
    assert "has other images than when" in line


def test_images_smaller_than_any_patch_are_refused(tmp_path, capsys):
    for n in range(3):
        Image.fromarray(scene(n, 5, 5)).save(tmp_path / f"{n}.png")
    line = refusal(capsys, "train", f"folder:{tmp_path}", *DEGRADED, "--out", str(tmp_path / "x"))
    assert "no image of at least 8x8 pixels" in line


def test_a_weight_that_is_no_number_is_refused():
    with pytest.raises(UserError, match="must be at least 0"):
        RestorationConfig("digits", "noise:25", adversarial_weights=(float("nan"), 0.01))


def test_images_of_many_sizes_are_degraded_as_each_by_itself():
    from ganjax import recipe
    from ganjax.config import parse_degradation
    from ganjax.restoration.judging import MOST_SHAPES, Bench

    images = [np.full((20 + n, 24, 1), 200, np.uint8) for n in range(MOST_SHAPES + 1)]
    degrade = recipe.degrade_by(parse_degradation("box:0.25"))
    bench = Bench(images, degrade, jax.random.key(0), {}, {})
    holes = [(bench.versions(rows).degraded == 0).mean() for rows in bench.parts()]
    assert len(holes) == len(images)
    np.testing.assert_allclose(holes, 0.25, atol=0.05)


def test_labels_tell_what_it_is_worth_to_a_classifier(tmp_path, capsys):
    """On digits, noised until a classifier is lost; with a feature loss, which needs labels."""
    run, out = tmp_path / "run", tmp_path / "evaluation"
    cli.main(["restore", "train", "digits", "--degradation", "noise:150", *FLAGS,
              "--restorer.width", "16", "--restorer.updates", "240", "--feature-weight", "0.01",
              "--adversarial-weights", "--out", str(run)])  # fmt: skip
    assert weights_in(run) == [0.0]
    assert "feature_loss" in load(run).history
    teacher = json.loads((run / "features" / WORDS).read_text())["facts"]["learning"]
    assert teacher["seed"] == TEACHER != JUDGE  # what it learnt to please does not judge it
    (run / "features").rename(tmp_path / "gone")  # only the training needs it
    assert "dB" in capsys.readouterr().out
    cli.main(["restore", "evaluate", str(run), "digits", "--out", str(out)])
    found = json.loads((out / "results.json").read_text())
    methods = {own["kind"]: own for own in found["methods"]}
    clean, lost, back = (
        own["mean"]
        for own in (
            found["clean_accuracy"],
            methods["degraded"]["accuracy"],
            methods["restored"]["accuracy"],
        )
    )
    assert clean > 0.9
    assert lost < clean - 0.05
    assert back > lost
    assert methods["restored"]["recovered"]["mean"] > 0
    assert "classifier" in found["features"]
