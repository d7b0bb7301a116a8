"""`ganjax evaluate` as it is typed: two names in; a table, JSON and a picture out."""

import json
import shutil
from dataclasses import asdict

import jax
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from ganjax import cli
from ganjax.config import GANConfig, StudyConfig, TrainConfig, to_json
from ganjax.data import splits
from ganjax.data.sources import load
from ganjax.evaluate.learning import Learning, network
from ganjax.synthesis import train_run
from ganjax.synthesis.weights import write_weights

DIGITS = load_digits()
IMAGES = np.round(DIGITS.images * (255 / 16)).astype(np.uint8)
PER_CLASS = 50


@pytest.fixture(scope="module", autouse=True)
def settings(tmp_path_factory):
    """A cache of these tests' own, left alone by the compiler, and classifiers of little effort."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("ganjax.environment.use_compilation_cache", lambda: None)
        patch.setattr(
            "ganjax.evaluate.cas.CAS", Learning(width=4, updates=20, evaluations=2, strength=0.0)
        )
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny GAN of 50 digits of each class."""
    out = tmp_path_factory.mktemp("runs") / "gan"
    gan = GANConfig(width=8, latent_size=4, batch_size=4, updates=1, augment="none", r1_weight=0)
    config = TrainConfig(source="digits", per_class=PER_CLASS, validation_fraction=0, gan=gan)
    train_run.train(config, out)
    return out


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The folder of a kept network, which has learnt nothing."""
    folder = tmp_path_factory.mktemp("kept")
    learning = Learning(width=4, features=8)
    facts = {
        "kind": "features",
        "network": {"size": 8, "channels": 1, "classes": 10},
        "learning": asdict(learning),
        "class_names": [str(name) for name in range(10)],
        "trained_on": "nothing",
        "images": 0,
    }
    variables = jax.jit(network(learning, 8, 1, 10).init)(jax.random.key(0))
    write_weights(folder, {"classifier": variables}, facts)
    return folder


@pytest.fixture
def ganjax(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = 0
        try:
            cli.main(["evaluate", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def write(path, images, names):
    np.savez(path, images=images, labels=np.array(names))
    return f"npz:{path}"


def test_a_run_is_judged_and_everything_is_written_down(ganjax, run, features, tmp_path):
    file, picture = tmp_path / "out" / "found.json", tmp_path / "both.png"
    arguments = [run, "digits", "--features", features, "--json", file, "--picture", picture]
    code, out, _ = ganjax(*arguments)
    assert code == 0
    for shown in ("Frechet distance", "copying", "CAS gap", "of the test images"):
        assert shown in out
    assert "trained on 500 of the 1,797 images of digits" in out
    found = json.loads(file.read_text())
    assert found["schema"] == 1
    assert found["command"].split()[1:5] == ["evaluate", str(run), "digits", "--features"]
    assert found["a"]["kind"] == "run"
    assert found["a"]["trained_on"] == "digits"
    assert len(found["a"]["sha256"]) == len(found["features"]["sha256"]) == 64
    assert found["features"]["sha256"][:20] in out
    assert found["copies_of"] == f"the images that {run} was trained on"
    assert found["counts"]["trained_on"] == 10 * PER_CLASS
    assert found["counts"]["judged"] == found["counts"]["fit"]
    assert found["cas"]["seeds"] == 3
    assert found["environment"]["backend"] == "cpu"
    # an untrained generator's images are noise
    assert found["figures"]["precision"]["value"] < found["figures"]["precision"]["floor"]
    with Image.open(picture) as sheet:
        assert sheet.size[1] > 20 * 48


def test_the_same_command_gives_the_same_json_and_nothing_else(ganjax, run, features):
    arguments = [run, "digits", "--features", features, "--no-cas", "--count", 300, "--json"]
    code, one, _ = ganjax(*arguments)
    _, again, _ = ganjax(*arguments)
    assert code == 0
    assert one == again
    found = json.loads(one)
    assert found["counts"]["judged"] == 300
    assert found["cas"] is None
    assert found["counts"]["judged_by_class"] == [30] * 10


def test_a_study_is_its_first_replicate_and_lost_training_images_are_told(
    ganjax, run, features, tmp_path
):
    shutil.copytree(run, tmp_path / "study" / "replicates" / "3")
    code, out, err = ganjax(
        tmp_path / "study", "digits", "--features", features, "--no-cas", "--count", 300, "--json"
    )
    assert code == 0
    assert "is a study: the GAN is that of" in " ".join(err.split())
    assert "cannot be found again" in " ".join(err.split())
    found = json.loads(out)
    assert found["copies_of"] == "the training images of digits"
    assert "cannot be found again" in found["notes"][0]


def test_a_study_s_generator_is_judged_by_the_study_s_own_test_part(
    ganjax, run, features, tmp_path
):
    study = StudyConfig(source="digits", per_class=20, test_fraction=0.3, seed=5)
    (tmp_path / "config.json").write_text(json.dumps(to_json(study)))
    shutil.copytree(run, tmp_path / "replicates" / "2")
    code, out, _ = ganjax(
        tmp_path / "replicates" / "2", "digits", "--features", features, "--no-cas", "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert found["counts"]["trained_on"] == 150  # 5 of each class choose
    assert found["notes"] == []  # nothing had to give way
    test = splits.part(load("digits"), test_fraction=0.3, seed=5)[1]
    assert found["counts"]["test"] == len(test)


def test_a_source_is_brought_to_the_size_of_the_other(ganjax, features, tmp_path):
    large = write(tmp_path / "a.npz", IMAGES.repeat(2, axis=1).repeat(2, axis=2), DIGITS.target)
    code, out, _ = ganjax(large, "digits", "--features", features, "--no-cas", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["image"] == {"height": 8, "width": 8, "channels": 1}
    assert "resized to 8x8" in found["a"]["notes"][0]
    assert found["figures"]["coverage"]["value"] > 0.8


def test_what_both_sides_have_is_left_out_of_the_judged_one(ganjax, features):
    code, out, _ = ganjax("digits", "digits", "--features", features, "--no-cas")
    assert code == 0
    assert "images of digits are test images of the real side, and are left out of it" in out


def test_a_run_may_stand_for_the_real_side(ganjax, run, features):
    code, out, _ = ganjax("digits", run, "--features", features, "--no-cas", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["b"]["kind"] == "run"
    assert found["counts"]["test"] == 2000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["RUNS/none", "digits"], "none is neither a source nor the folder of a run"),
        (["digitz", "digits"], "digitz is neither a source nor the folder of a run"),
        (["digits", "fodler:x"], "unknown source 'fodler:x' (did you mean folder?)"),
        (["RUNS", "digits"], "holds no trained generator"),
        (["RUNS/gan", "NAMED"], "has the class 0, which the real images do not have"),
        (["NAMED", "digits"], "has the class no 0, which the real images do not have"),
        (["FEW", "digits", "--no-cas", "--features", "KEPT"], "images; at least 10 are needed"),
        (["RUNS/gan", "LARGE"], "give --size 8 --channels 1, as the run was trained"),
        (["digits", "digits", "--count", "0"], "--count must be at least 1, not 0"),
        (["digits", "digits", "--count", "5000"], "--count 5000: digits has only 1,078 images"),
        (["digits", "digits", "--seeds", "1"], "--seeds must be at least 2, not 1"),
        (["digits", "digits", "--seed", "-1"], "seed must be at least 0, not -1"),
        (["digits", "digits", "--test-fraction", "1"], "must be above 0 and below 1, not 1.0"),
        (["digits", "digits", "--features", "RUNS/gan"], "not those of a feature network"),
        (["digits", "digits", "--features", "RUNS"], "holds no whole weights"),
        (["digits", "digits", "--json", "a", "b"], "--json takes one file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(ganjax, run, features, tmp_path, arguments, said):
    named = [f"no {name}" for name in DIGITS.target]
    places = {
        "NAMED": lambda: write(tmp_path / "named.npz", IMAGES, named),
        "FEW": lambda: write(tmp_path / "few.npz", IMAGES[:8], DIGITS.target[:8]),
        "LARGE": lambda: write(tmp_path / "l.npz", np.pad(IMAGES, ((0, 0), (4, 4), (4, 4))), named),
        "KEPT": lambda: features,
    }
    typed = [
        places[word]() if word in places else word.replace("RUNS", str(run.parent))
        for word in arguments
    ]
    code, out, err = ganjax(*typed)
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("ganjax: error: ")
    assert said in last
