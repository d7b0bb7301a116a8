"""A whole study on `digits`, small: what it writes, what it may look at, how it goes on."""

import csv
import dataclasses
import doctest
import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image
from scipy.special import softmax

import ganjax
from ganjax import cli, environment, metrics, report, synthesis
from ganjax.config import ClassifierConfig, GANConfig, StudyConfig, to_json
from ganjax.data.splits import SealedTest
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study import rounds, study
from ganjax.study import run as rooms
from ganjax.study.arms import CONTROL, PARTS, RIVAL, line_up, part_name
from ganjax.study.examine import examine
from ganjax.study.finalists import leave_candidates, read_candidates
from ganjax.study.record import Record
from ganjax.synthesis import together
from ganjax.synthesis.classifiers import load_classifier

CONFIG = StudyConfig(
    source="digits",
    per_class=8,
    replicates=3,
    pool=200,
    gan=GANConfig(updates=40, width=16),
    classifier=ClassifierConfig(
        width=8, updates=40, evaluations=2, seeds=1, ratios=(0.0, 0.5), strengths=(0.0, 1.0)
    ),
)
ARMS = ("real", "classical", "generated", "both")
CLASSES, FIT, VALIDATION = 10, 6, 2


class Stop(Silent):
    """Progress that stops the process, as Ctrl-C does, when a stage begins for the n-th time."""

    def __init__(self, stage: str, n: int):
        self.stage_name, self.left = stage, n

    def stage(self, name, total, unit):
        self.left -= name.startswith(self.stage_name)
        if not self.left:
            raise KeyboardInterrupt
        return super().stage(name, total, unit)


class Watch:
    """Writes down what a study does with its images."""

    def __init__(self, patch: pytest.MonkeyPatch, out: Path):
        self.prepared, self.trained_on, self.looks, self.predicted, self.said = [], [], [], [], []
        self.kept = []
        judge, prepare, train = SealedTest.judge, rooms.prepare, together.train_together

        def watched_judge(sealed, replicate, choice, predict):
            def once(images):
                self.predicted.append((replicate, len(images)))
                self.kept += [p.parts[-3] for p in out.rglob("classifiers/weights.json")]
                return predict(images)

            self.looks.append((replicate, choice))
            return judge(sealed, replicate, choice, once)

        def watched_prepare(*given):
            self.prepared.append(prepare(*given))
            return self.prepared[-1]

        def watched_train(assignments, *given, **named):
            self.trained_on += [(Path(own.folder).name, own.dataset) for own in assignments]
            return train(assignments, *given, **named)

        patch.setattr(SealedTest, "judge", watched_judge)
        patch.setattr(rooms, "prepare", watched_prepare)
        patch.setattr(together, "train_together", watched_train)


@contextmanager
def stopped_before_look(patch, number):
    """Stop the process when a replicate is about to look at the test set."""
    judge = SealedTest.judge

    def stopped(sealed, replicate, *given):
        if replicate == number:
            raise KeyboardInterrupt
        return judge(sealed, replicate, *given)

    patch.setattr(SealedTest, "judge", stopped)
    with pytest.raises(KeyboardInterrupt):
        yield
    patch.setattr(SealedTest, "judge", judge)


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """Keep what is compiled on disk, so that the second study of these tests is cheap."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        compilation_cache.reset_cache()
        environment.use_compilation_cache()
        yield
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def straight(tmp_path_factory, compiled_once):
    """A study run in one go, watched."""
    out = tmp_path_factory.mktemp("straight") / "study"
    with pytest.MonkeyPatch.context() as patch:
        watch = Watch(patch, out)
        found = study(CONFIG, out, side_by_side=1, command="ganjax study digits")
    return SimpleNamespace(out=out, found=found, watch=watch)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory, straight):
    """The same study in another folder, stopped in training, in a control, between two looks."""
    out = tmp_path_factory.mktemp("resumed") / "study"
    with pytest.MonkeyPatch.context() as patch:
        watch = Watch(patch, out)
        with pytest.raises(KeyboardInterrupt):
            study(CONFIG, out, side_by_side=1, progress=Stop("train the GAN", 2))
        with pytest.raises(KeyboardInterrupt):  # its GAN is trained, its classifiers are not
            study(CONFIG, out, side_by_side=1, progress=Stop("train 6 classifiers", 1))
        with pytest.raises(KeyboardInterrupt):  # the first control is trained
            study(CONFIG, out, side_by_side=1, progress=Stop("train 1 classifier", 2))
        assert not watch.looks  # nothing is judged before all is trained
        with stopped_before_look(patch, 1):
            study(CONFIG, out, side_by_side=1)
        assert [replicate for replicate, _ in watch.looks] == [0]
        assert not (out / "results.json").exists()
        found = study(CONFIG, out, side_by_side=1)
    return SimpleNamespace(out=out, found=found, watch=watch)


@pytest.fixture(scope="module")
def beside(tmp_path_factory, straight):
    """The same study with all replicates side by side, stopped twice."""
    out = tmp_path_factory.mktemp("beside") / "study"
    with pytest.MonkeyPatch.context() as patch:
        watch = Watch(patch, out)
        with pytest.raises(KeyboardInterrupt):  # its GANs are trained, its classifiers are not
            study(CONFIG, out, progress=Stop("train 18 classifiers", 1))
        assert not watch.looks
        with stopped_before_look(patch, 1):
            study(CONFIG, out)
        found = study(CONFIG, out)  # nothing is left to train
    return SimpleNamespace(out=out, found=found, watch=watch)


@pytest.fixture
def finished(straight, tmp_path):
    """A copy of the finished study that a test may damage."""
    shutil.copytree(straight.out, tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def nothing_is_computed(monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("computed again")

    for name in ("prepare", "assemble", "train_all", "train_all_controls", "judge"):
        monkeypatch.setattr(rooms, name, refuse)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_results_are_written_as_they_are_returned_and_hold_no_nan(straight):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    text = (straight.out / "results.json").read_text()
    assert json.loads(text, parse_constant=refuse) == straight.found


def test_results_name_what_was_asked(straight):
    found = straight.found
    assert found["schema"] == 1
    assert found["source"] == "digits"
    assert (found["per_class"], found["seed"], found["replicates"]) == (8, 0, 3)
    assert found["config"] == to_json(CONFIG)
    assert found["config"] == json.loads((straight.out / "config.json").read_text())
    assert found["command"] == "ganjax study digits"
    assert found["classes"] == [str(i) for i in range(10)]
    assert found["image"] == {"height": 8, "width": 8, "channels": 1}
    assert found["counts"]["fit_per_class"] == FIT
    assert found["counts"]["validation_per_class"] == VALIDATION
    assert found["counts"]["pool"] + found["counts"]["test"] == 1797


def test_every_arm_has_its_scores_per_replicate(straight):
    arms = straight.found["arms"]
    assert tuple(arms) == ARMS
    for arm in arms.values():
        for metric in ("test_accuracy", "balanced_accuracy"):
            assert len(arm[metric]) == 3
            assert all(isinstance(value, float) and 0 <= value <= 1 for value in arm[metric])
        assert np.shape(arm["class_accuracy"]) == (3, CLASSES)
        assert np.shape(arm["confusion"]) == (CLASSES, CLASSES)
        np.testing.assert_allclose(np.sum(arm["confusion"]), 3 * straight.found["counts"]["test"])
        assert arm["accuracy"]["low"] <= arm["accuracy"]["mean"] <= arm["accuracy"]["high"]
        np.testing.assert_allclose(arm["accuracy"]["mean"], np.mean(arm["test_accuracy"]))
        np.testing.assert_allclose(np.mean(arm["class_accuracy"], axis=1), arm["balanced_accuracy"])


def test_every_arm_took_the_same_updates_and_examples(straight):
    arms = straight.found["arms"].values()
    assert {arm["updates"] for arm in arms} == {40}
    assert {arm["examples"] for arm in arms} == {40 * CONFIG.classifier.batch_size}


def test_every_arm_chose_among_its_own_candidates_on_validation(straight):
    found = straight.found
    for name, arm in found["arms"].items():
        assert len(arm["chosen"]) == 3
        for replicate, row in enumerate(arm["chosen"]):
            assert row["update"] in (20, 40)
            assert row["ratio"] == (0.0 if name in ("real", "classical") else 0.5)
            if name in ("real", "generated"):
                assert row["strength"] == 0
            table = found["validation"]["accuracy"][replicate]
            ratio = found["validation"]["ratios"].index(row["ratio"])
            strength = found["validation"]["strengths"].index(row["strength"])
            np.testing.assert_allclose(table[ratio][strength], row["validation_accuracy"])
            table = found["validation"]["probability"][replicate]
            np.testing.assert_allclose(table[ratio][strength], row["validation_probability"])
    best = {
        name: np.mean([row["validation_probability"] for row in arm["chosen"]])
        for name, arm in found["arms"].items()
    }
    assert best["classical"] >= best["real"]
    assert best["both"] >= best["generated"]


def test_an_arm_chose_one_way_for_all_replicates_the_likeliest_in_the_mean(straight):
    records = [Record.load(straight.out / "replicates" / str(i)) for i in range(3)]
    _, arms = line_up(CONFIG.classifier.ratios, CONFIG.classifier.strengths)
    mean = np.mean([own.probability for own in records], axis=0)
    for arm, own in arms.items():
        (chosen,) = {record.entries[arm].candidate for record in records}
        assert mean[chosen] == max(mean[i] for i in own)
    for record in records:
        control = record.entries.pop(CONTROL)
        assert control.candidate == record.entries["both"].candidate
        for entry in record.entries.values():
            assert entry.update == record.updates[entry.candidate]
            assert entry.accuracy == record.validation[entry.candidate]


def test_what_waited_for_the_choice_is_gone_when_all_is_judged(straight, resumed, beside):
    for ran in (straight, resumed, beside):
        assert not list(ran.out.rglob("trained.*"))
        assert not list(ran.out.rglob("candidates"))


def test_candidates_that_are_damaged_before_their_look_say_what_to_do(tmp_path):
    leave_candidates(tmp_path, {"params": {"bias": np.zeros(3, np.float32)}})
    path = tmp_path / "candidates" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"is damaged.*delete .*trained\.json"):
        read_candidates(tmp_path)


def chose_each_for_itself(numbers):
    del numbers["probability"], numbers["updates"]


def chose_from_other_candidates(numbers):
    del numbers["probability"][-1]


def had_no_rivals(numbers):
    for name in [name for name in numbers["entries"] if name.startswith(RIVAL)]:
        del numbers["entries"][name]


def had_no_control(numbers):
    del numbers["entries"][CONTROL]


@pytest.mark.parametrize(
    "earlier",
    [chose_each_for_itself, chose_from_other_candidates, had_no_rivals, had_no_control],
)
@pytest.mark.parametrize("untrained", [0, 1])
def test_a_study_half_done_by_an_earlier_version_is_refused_before_more_is_trained(
    finished, monkeypatch, earlier, untrained
):
    def refuse(*given):
        raise AssertionError("trained")

    monkeypatch.setattr(rounds, "train_replicates", refuse)
    (finished / "results.json").unlink()
    first, last = (finished / "replicates" / str(i) for i in (0, 2))
    numbers = json.loads((first / "record.json").read_text())
    earlier(numbers)
    (first / "record.json").write_text(json.dumps(numbers))
    if untrained:
        (last / "record.json").unlink()
    with pytest.raises(UserError, match="begun by an earlier version"):
        study(CONFIG, finished)


def test_a_study_whose_gans_had_other_defaults_is_refused(finished, monkeypatch):
    monkeypatch.setattr(rounds, "train_replicates", None)
    (finished / "results.json").unlink()
    shutil.rmtree(finished / "replicates" / "2")
    file = finished / "replicates" / "1" / "generator.json"
    described = json.loads(file.read_text())
    described["config"]["learning_rate"] *= 5
    file.write_text(json.dumps(described))
    with pytest.raises(UserError, match=r"1 was trained with other defaults.* new --out"):
        study(CONFIG, finished)


def test_the_verdict_holds_against_every_way_to_train_without_generated_images(straight):
    decisive = straight.found["comparisons"][0]
    names = [f"{RIVAL}0", f"{RIVAL}1", CONTROL]
    assert [row["baseline"] for row in decisive["rivals"]] == names
    scores = straight.found["arms"]["both"]["test_accuracy"]
    for row, strength in zip(decisive["rivals"][:2], CONFIG.classifier.strengths, strict=True):
        for arm in ("real", "classical"):
            chosen = straight.found["arms"][arm]
            if chosen["chosen"][0]["strength"] == strength:
                expected = np.mean(scores) - np.mean(chosen["test_accuracy"])
                np.testing.assert_allclose(row["difference"], expected, atol=1e-12)
    assert decisive["low"] == min(row["low"] for row in decisive["rivals"])
    kept = json.loads((straight.out / "replicates/0/classifiers/weights.json").read_text())
    assert set(kept["facts"]["arms"]) == set(ARMS)


def test_comparisons_begin_with_the_decisive_one_and_hold_their_differences(straight):
    rows = straight.found["comparisons"]
    assert (rows[0]["arm"], rows[0]["baseline"]) == ("both", "classical")
    assert (rows[0]["metric"], rows[0]["decisive"]) == ("test_accuracy", True)
    assert not any(row["decisive"] for row in rows[1:])
    for row in rows:
        assert {row["arm"], row["baseline"]} <= set(ARMS)
        assert row["metric"] in ("test_accuracy", "balanced_accuracy")
        assert row["level"] == 0.95
        assert row["low"] <= row["difference"] <= row["high"]
        arms = straight.found["arms"]
        paired = np.subtract(arms[row["arm"]][row["metric"]], arms[row["baseline"]][row["metric"]])
        np.testing.assert_allclose(row["difference"], paired.mean(), atol=1e-12)


def test_the_verdict_follows_from_the_decisive_interval(straight):
    verdict, row = straight.found["verdict"], straight.found["comparisons"][0]
    assert verdict["smallest_gain"] == CONFIG.smallest_gain
    expected = True if row["low"] > 0 else False if row["high"] < CONFIG.smallest_gain else None
    assert verdict["helps"] is expected
    assert f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}" in verdict["text"]
    assert all(isinstance(line, str) for line in verdict["details"])


def test_costs_histories_and_parameters_are_told(straight):
    found = straight.found
    seconds = found["seconds"]
    assert set(seconds) == {
        "data", "gan", "inspection", "classifiers", "joint", "test", "total",
    }  # fmt: skip
    np.testing.assert_allclose(
        seconds["total"], sum(v for k, v in seconds.items() if k != "total"), atol=0.01
    )
    assert len(found["gan"]["history"]) == 3
    for history in found["gan"]["history"]:
        assert history["update"][-1] == found["gan"]["updates"] == 40
        assert {len(values) for values in history.values()} == {len(history["update"])}
    assert found["gan"]["config"]["updates"] == 40
    assert None not in found["gan"]["config"].values()  # what was left open is filled in
    assert found["gan"]["in_words"].startswith("situation tiny: ")
    assert found["gan"]["parameters"]["generator"] > 0
    assert found["gan"]["parameters"]["discriminator"] > 0
    curves = found["classifier"]["history"]
    assert curves["update"] == [20, 40]
    assert {arm: len(curve) for arm, curve in curves["arms"].items()} == dict.fromkeys(ARMS, 2)
    assert 0 < found["classifier"]["parameters"] < 20_000
    assert found["environment"]["packages"]["jax"] == jax.__version__
    assert found["environment"]["peak_memory_gb"] > 0
    assert "no mirroring" in found["policy"]["classical"]
    assert "no mirroring" in found["policy"]["discriminator"]


def test_test_images_are_shown_once_per_replicate_after_the_choice_is_written(straight):
    tested = straight.found["counts"]["test"]
    assert straight.watch.predicted == [(0, tested), (1, tested), (2, tested)]
    ledger = json.loads((straight.out / "sealed_test.json").read_text())
    assert sorted(ledger["looks"]) == ["0", "1", "2"]
    for replicate, choice in straight.watch.looks:
        assert ledger["looks"][str(replicate)] == choice
        rivals = [f"{RIVAL}{strength:g}" for strength in CONFIG.classifier.strengths]
        assert list(choice) == [*ARMS, *rivals, *map(part_name, PARTS), CONTROL]
        assert choice[CONTROL] == {
            **choice["both"],
            "update": choice[CONTROL]["update"],
            "images": "noise",
        }
        for arm in ARMS:
            chosen = straight.found["arms"][arm]["chosen"][replicate]
            assert choice[arm].items() <= chosen.items()
            assert set(chosen) - set(choice[arm]) == {
                "validation_accuracy",
                "validation_probability",
            }
        for part in PARTS:
            row = choice[part_name(part)]
            assert (row["ratio"], row["strength"], row["part"]) == (0.0, 1.0, part)


def test_the_learning_curve_says_what_a_gain_is_worth(straight):
    worth = straight.found["worth"]
    assert [point["images"] for point in worth["points"]] == [1.5, 3.0, 6.0]
    assert all(0 < point["accuracy"] < 1 for point in worth["points"])
    assert worth["text"] in straight.found["verdict"]["details"]


def test_each_gan_is_trained_on_its_own_fit_part_alone(straight):
    (prepared,) = straight.watch.prepared
    assert [folder for folder, _ in straight.watch.trained_on] == ["0", "1", "2"]
    for draw, (_, dataset) in zip(prepared.draws, straight.watch.trained_on, strict=True):
        np.testing.assert_array_equal(dataset.images, draw.fit.images)
        np.testing.assert_array_equal(dataset.labels, draw.fit.labels)


def test_fit_validation_and_test_share_no_image(straight):
    (prepared,) = straight.watch.prepared
    test = {}
    prepared.sealed.judge(99, {}, lambda images: test.update(images=images) or images[:, 0, 0, 0])
    hidden = {image.tobytes() for image in test["images"]}
    assert len(hidden) > 700
    fits = []
    for draw in prepared.draws:
        assert (draw.fit.counts() == FIT).all()
        assert (draw.validation.counts() == VALIDATION).all()
        fit, validation = (
            {image.tobytes() for image in part.images} for part in (draw.fit, draw.validation)
        )
        assert not fit & validation
        assert not (fit | validation) & hidden
        fits.append(fit)
    assert not fits[0] & fits[1]
    assert not fits[1] & fits[2]


def test_pictures_of_the_report_come_from_the_first_draw_and_its_gan(straight):
    with np.load(straight.out / "pictures.npz", allow_pickle=False) as pictures:
        real, generated = pictures["real"], pictures["generated"]
    assert real.shape == generated.shape == (CLASSES, 8, 8, 8, 1)
    assert real.dtype == generated.dtype == np.uint8
    own = {image.tobytes() for image in straight.watch.prepared[0].draws[0].fit.images}
    assert {image.tobytes() for image in real.reshape(-1, 8, 8, 1)} <= own
    assert not {image.tobytes() for image in generated.reshape(-1, 8, 8, 1)} & own


def test_what_was_done_with_the_samples_is_told_for_every_replicate(straight):
    samples = straight.found["samples"]
    assert samples["select"] == "none"
    assert len(samples["replicates"]) == 3
    for replicate in samples["replicates"]:
        assert (replicate["selection"]["by"], replicate["selection"]["scores"]) == ("none", [])
        assert replicate["selection"]["kept"] == [20] * CLASSES
        assert replicate["copies"]["looked_at"] == 1000
        assert (replicate["copies"]["training_images"], replicate["copies"]["held_out"]) == (60, 20)
    reasons = [replicate["leaks"]["not_looked_for"] for replicate in samples["replicates"]]
    assert reasons == [
        "there are only 20 validation images, and it takes 40",
        *["only the first replicate's samples are looked into"] * 2,
    ]


def test_a_record_of_an_earlier_version_can_be_read(finished):
    folder = finished / "replicates" / "0"
    whole = Record.load(folder)
    numbers = json.loads((folder / "record.json").read_text())
    for name in ("inspection", "calibration", "probability", "updates"):
        del numbers[name]
    (folder / "record.json").write_text(json.dumps(numbers))
    with np.load(folder / "record.npz", allow_pickle=False) as arrays:
        old = {name: arrays[name] for name in arrays if not name.startswith(("dropped", "nearest"))}
    np.savez(folder / "record.npz", **old)
    found = Record.load(folder)
    assert whole.inspection
    assert found.inspection == found.calibration == {}
    assert len(found.dropped) == len(found.dropped_labels) == len(found.nearest) == 0
    np.testing.assert_array_equal(found.predictions, whole.predictions)


def test_a_report_can_be_written_from_what_the_study_left(straight, tmp_path):
    with np.load(straight.out / "pictures.npz", allow_pickle=False) as pictures:
        report.write(tmp_path / "report.html", straight.found, dict(pictures))
    text = (tmp_path / "report.html").read_text()
    assert "nan" not in text.lower().split()
    assert "digits" in text


def test_a_stopped_study_goes_on_to_the_results_of_one_that_was_not(straight, resumed):
    for name in ("arms", "comparisons", "verdict", "validation", "gan", "classifier", "counts",
                 "samples", "calibration"):  # fmt: skip
        assert resumed.found[name] == straight.found[name]


def test_replicates_side_by_side_give_what_they_give_one_after_another(straight, beside):
    for replicate in range(3):
        one, other = (
            Record.load(s.out / "replicates" / str(replicate)) for s in (straight, beside)
        )
        assert {arm: e[:2] for arm, e in one.entries.items()} == {
            arm: e[:2] for arm, e in other.entries.items()
        }
        np.testing.assert_allclose(one.validation, other.validation, atol=1e-6)
        np.testing.assert_array_equal(one.predictions, other.predictions)
        np.testing.assert_array_equal(one.real, other.real)
        assert np.abs(one.generated.astype(int) - other.generated).max() <= 1
        for name, values in one.history.items():
            np.testing.assert_allclose(values, other.history[name], rtol=1e-4)
    assert beside.found["verdict"] == straight.found["verdict"]
    assert beside.found["validation"]["ratios"] == straight.found["validation"]["ratios"]


def test_a_group_that_goes_on_computes_nothing_twice_and_looks_once(beside):
    assert [replicate for replicate, _ in beside.watch.predicted] == [0, 1, 2]
    everyone = ["0", "1", "2"]
    assert [name for name, _ in beside.watch.trained_on] == [*everyone, *everyone]


def test_a_group_leaves_each_replicates_gan_in_its_folder_and_nothing_else(straight, beside):
    kept = [{p.name for p in s.out.iterdir()} - {"command.txt"} for s in (straight, beside)]
    assert kept[0] == kept[1]
    for replicate in range(3):
        gan = synthesis.load(beside.out / "replicates" / str(replicate))
        assert int(gan.state.step) == 40
        assert gan.history == beside.found["gan"]["history"][replicate]


def test_none_at_a_time_is_refused(tmp_path):
    with pytest.raises(UserError, match="--side-by-side must be at least 1, not 0"):
        study(CONFIG, tmp_path / "out", side_by_side=0)
    assert not any(tmp_path.iterdir())


def test_a_pool_without_an_image_of_each_class_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match=r"--pool 9 .* 10 classes: give --pool 10 or more"):
        study(dataclasses.replace(CONFIG, pool=9), tmp_path / "out")


def test_what_the_memory_does_not_hold_says_what_to_type(tmp_path, monkeypatch):
    def full(*given):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(rounds, "train_replicates", full)
    with pytest.raises(UserError, match=r"3 replicates side by side .* --side-by-side 1 goes"):
        study(CONFIG, tmp_path / "out")
    with pytest.raises(jax.errors.JaxRuntimeError):
        study(CONFIG, tmp_path / "out", side_by_side=1)


def test_a_study_that_goes_on_computes_nothing_twice_and_looks_once(resumed):
    assert [replicate for replicate, _ in resumed.watch.predicted] == [0, 1, 2]
    assert [folder for folder, _ in resumed.watch.trained_on] == ["0", "1", "1", "1", "2"]


def test_a_finished_study_is_returned_without_computing(straight, nothing_is_computed):
    before = contents(straight.out)
    assert study(CONFIG, straight.out) == straight.found
    assert contents(straight.out) == before


def test_another_configuration_is_refused_and_nothing_overwritten(finished, nothing_is_computed):
    before = contents(finished)
    other = StudyConfig(**{**vars(CONFIG), "seed": 7})
    with pytest.raises(UserError, match=r"another run \(seed: 0, not 7\)"):
        study(other, finished)
    assert contents(finished) == before


def test_results_of_another_schema_are_refused(finished, nothing_is_computed):
    (finished / "results.json").write_text('{"schema": 99}')
    with pytest.raises(UserError, match="has schema 99"):
        study(CONFIG, finished)


def test_results_that_are_lost_are_put_together_again_from_the_records(straight, finished):
    (finished / "results.json").unlink()
    (finished / "pictures.npz").unlink()
    found = study(CONFIG, finished)
    for name in ("arms", "comparisons", "verdict", "validation", "gan", "calibration"):
        assert found[name] == straight.found[name]
    assert (finished / "pictures.npz").exists()


@pytest.mark.parametrize("kind", ["copies", "noise"])
def test_a_sham_needs_no_gan_and_says_what_it_is(kind, tmp_path):
    found = study(dataclasses.replace(CONFIG, sham=kind), tmp_path / "study", side_by_side=1)
    assert not list((tmp_path / "study").rglob("checkpoints"))
    assert found["verdict"]["details"][0].startswith("A check of the study itself")
    assert found["gan"]["parameters"] == {"generator": 0, "discriminator": 0}
    assert found["verdict"]["helps"] is not True
    assert found["samples"]["replicates"][0]["copies"] == {
        "not_audited": "these images are no GAN's"
    }
    report.write(tmp_path / "report.html", found, {})
    assert "nothing was selected or dropped" in (tmp_path / "report.html").read_text()
    drawn = np.load(tmp_path / "study" / "pictures.npz")
    real, sham = drawn["real"], drawn["generated"]
    if kind == "copies":
        for label in range(CLASSES):
            assert {image.tobytes() for image in sham[label]} <= {
                image.tobytes() for image in real[label]
            }
    else:
        assert 100 < sham.mean() < 155


def test_a_dry_run_trains_nothing_and_writes_nothing(tmp_path, monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("trained")

    monkeypatch.setattr(together, "train_together", refuse)
    text = "\n".join(rooms.dry_run(CONFIG, tmp_path / "out", Silent()))
    assert not any(tmp_path.iterdir())
    assert "updates: 3 GANs x 40; 3 x 7 classifiers x 40" in text
    assert "samples to learn from: all but copies of training images" in text
    assert "each replicate: 60 images to train on, 20 to choose by" in text


def test_a_dry_run_counts_the_parameters_that_a_study_trains(straight, tmp_path):
    text = "\n".join(rooms.dry_run(CONFIG, tmp_path / "out", Silent()))
    counts = {
        **straight.found["gan"]["parameters"],
        "classifier": straight.found["classifier"]["parameters"],
    }
    assert "parameters: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()) in text


@pytest.fixture(scope="module")
def sealed_images(straight):
    """What was sealed; this study is over, and judges nobody any more."""
    (prepared,) = straight.watch.prepared
    shown = {}
    prepared.sealed.judge(98, {}, lambda images: shown.update(images=images) or images[:, 0, 0, 0])
    return shown["images"]


def test_the_chosen_classifiers_are_kept_before_the_test_is_opened(straight):
    # at each look, its own replicate's are there, and none of a later one
    assert sorted(straight.watch.kept) == list("000112")
    for replicate in "012":
        facts = json.loads(
            (straight.out / "replicates" / replicate / "classifiers/weights.json").read_text()
        )["facts"]
        assert list(facts["arms"]) == list(ARMS)  # the learning curve's are not kept
        for arm, own in facts["arms"].items():
            chosen = straight.found["arms"][arm]["chosen"][int(replicate)]
            assert (own["ratio"], own["update"]) == (chosen["ratio"], chosen["update"])


@pytest.mark.parametrize("arm", ARMS)
def test_a_kept_classifier_answers_as_it_did_in_the_study(arm, straight, sealed_images):
    for replicate in (0, 2):
        kept = load_classifier(straight.out, arm=arm, replicate=replicate)
        assert f"arm {arm} of replicate {replicate}" in kept.name
        assert (kept.size, kept.channels, len(kept.class_names)) == (8, 1, CLASSES)
        record = Record.load(straight.out / "replicates" / str(replicate))
        logits = np.asarray(kept.logits(sealed_images))
        own = record.predictions[list(record.entries).index(arm)]  # of the only seed
        np.testing.assert_array_equal(logits.argmax(axis=1), own[0])

        (prepared,) = straight.watch.prepared
        validation = prepared.draws[replicate].validation
        expected = metrics.temperature(kept.logits(validation.images), validation.labels)
        np.testing.assert_allclose(kept.temperature, expected, rtol=1e-4)
        told = straight.found["calibration"][arm]
        assert told["temperature"][replicate] == kept.temperature
        for name, probabilities in (
            ("before", softmax(logits, axis=1)),
            ("after", kept.probabilities(sealed_images)),
        ):
            error = metrics.expected_calibration_error(probabilities, record.labels)
            np.testing.assert_allclose(told[name]["error"][replicate], error, atol=1e-4)


def test_calibration_is_told_for_every_arm(straight):
    told = straight.found["calibration"]
    assert tuple(told) == ARMS
    for own in told.values():
        assert all(0.05 <= t <= 20 for t in own["temperature"])
        for part in ("before", "after"):
            np.testing.assert_allclose(own[part]["mean"], np.mean(own[part]["error"]))
            bins = own[part]["reliability"]
            assert sum(bins["counts"]) == 3 * straight.found["counts"]["test"]


def test_by_default_the_classifier_is_the_verdicts(straight, finished):
    helps = straight.found["verdict"]["helps"]
    arm = "both" if helps else "classical"
    assert f"arm {arm} of replicate 0 (generated images" in load_classifier(finished).name
    results = json.loads((finished / "results.json").read_text())
    results["verdict"]["helps"] = not helps
    (finished / "results.json").write_text(json.dumps(results))
    other = "classical" if helps else "both"
    assert f"arm {other} of" in load_classifier(finished / "replicates" / "0").name
    (finished / "results.json").unlink()
    chosen = {arm: own["chosen"][1] for arm, own in straight.found["arms"].items()}
    best = max(chosen, key=lambda arm: chosen[arm]["validation_probability"])
    found = load_classifier(finished, replicate=1)
    assert f"arm {best} of replicate 1 (the best on validation; its study has no verdict" in (
        found.name
    )


def test_a_run_is_loaded_as_pure_functions_as_its_example_does(straight, monkeypatch, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "digits").symlink_to(straight.out)
    monkeypatch.chdir(tmp_path)
    (example,) = [
        own for own in doctest.DocTestFinder().find(ganjax.load, "load", globs={}) if own.examples
    ]
    assert doctest.DocTestRunner().run(example).failed == 0
    run = ganjax.load(straight.out, arm="real", replicate=2)
    images = jax.jit(run.sample)(jax.random.key(1), np.array([3, 1]))
    assert (images.shape, images.dtype) == ((2, 8, 8, 1), np.float32)
    assert np.abs(images).max() <= 1
    gradient = jax.grad(lambda x: run.probabilities(x)[0, 3])(images)
    assert np.abs(gradient[0]).max() > 0
    with pytest.raises(UserError, match=r"images must be \[batch, 8, 8, 1\], not \[2, 8, 8\]"):
        run.logits(images[..., 0])


def test_kept_classifiers_are_examined_with_the_rest_of_a_run(finished):
    def damaged():
        return [own.what for own in examine(finished).damaged]

    assert damaged() == []
    file = finished / "replicates/1/classifiers/weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert damaged() == ["replicates/1/classifiers/weights.safetensors"]


@pytest.fixture
def gan_alone(straight, tmp_path):
    """A folder as `ganjax train` leaves it: a generator and nothing else."""
    own = straight.out / "replicates" / "0"
    shutil.copytree(own / "checkpoints", tmp_path / "gan" / "checkpoints")
    shutil.copy(own / "generator.json", tmp_path / "gan")
    return tmp_path / "gan"


def test_a_gan_alone_can_be_loaded_but_classifies_nothing(gan_alone):
    said = "is a GAN alone and has no classifier: train with --objective auxiliary"
    with pytest.raises(UserError, match=said):
        load_classifier(gan_alone)
    run = ganjax.load(gan_alone)
    assert run.sample(jax.random.key(0), np.array([1])).shape == (1, 8, 8, 1)
    with pytest.raises(UserError, match=said):
        run.probabilities(np.zeros((1, 8, 8, 1), np.uint8))


def no_folder(study, gan):
    return {"run": study / "nowhere"}, "is no folder: give the --out of a 'ganjax study'"


def no_run(study, gan):
    return {"run": study / "replicates" / "0" / "checkpoints"}, "is no ganjax run"


def no_arm(study, gan):
    return {"run": study, "arm": "best"}, "--arm best: give real, classical, generated, both"


def no_replicate(study, gan):
    return {"run": study, "replicate": 3}, r"--replicate 3: .* has 0 to 2"


def an_arm_of_no_study(study, gan):
    return {"run": gan, "arm": "both"}, "--arm is for studies"


def a_replicate_of_no_study(study, gan):
    return {"run": study / "replicates" / "0", "replicate": 1}, "--replicate is for studies"


def an_earlier_version(study, gan):
    shutil.rmtree(study / "replicates" / "0" / "classifiers")
    return {"run": study}, "earlier version, which kept none: run it again with a new --out"


def not_yet_trained(study, gan):
    shutil.rmtree(study / "replicates" / "0" / "classifiers")
    (study / "replicates" / "0" / "record.json").unlink()
    return {"run": study}, "has not chosen any yet"


def damaged(study, gan):
    with (study / "replicates/0/classifiers/weights.safetensors").open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"???")
    return {"run": study}, "is damaged"


@pytest.mark.parametrize(
    "bad",
    [no_folder, no_run, no_arm, no_replicate, an_arm_of_no_study, a_replicate_of_no_study,
     an_earlier_version, not_yet_trained, damaged],
)  # fmt: skip
def test_a_classifier_that_is_not_there_is_one_line(bad, finished, gan_alone):
    given, said = bad(finished, gan_alone)
    with pytest.raises(UserError, match=said) as error:
        load_classifier(given.pop("run"), **given)
    assert "\n" not in str(error.value)


def classify(*arguments):
    """Call `ganjax classify`, and return its exit code."""
    try:
        cli.main(["classify", *map(str, arguments)])
    except SystemExit as ended:
        return ended.code
    return 0


def test_images_of_a_folder_are_classified_into_a_table(
    straight, sealed_images, tmp_path, capsys, monkeypatch
):
    record = Record.load(straight.out / "replicates" / "1")
    for row in range(30):
        folder = tmp_path / "photos" / ("loose" if row % 3 else f"old/{record.labels[row]}/more")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sealed_images[row, ..., 0]).save(folder / f"{row:02d}.png")
    (tmp_path / "photos" / "=broken.png").write_text("no image")
    monkeypatch.chdir(tmp_path)
    assert classify(straight.out, "folder:photos", "--arm", "both", "--replicate", "1") == 0
    said = capsys.readouterr().out
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "class", "probability", *map(str, range(10))]
    number = [int(Path(row["file"]).stem) for row in rows]
    assert sorted(number) == list(range(30))
    kept = load_classifier(straight.out, arm="both", replicate=1)
    expected = np.asarray(kept.probabilities(sealed_images[number]))
    written = np.array([[float(row[str(c)]) for c in range(10)] for row in rows])
    np.testing.assert_allclose(written, expected, rtol=1e-3, atol=1e-6)
    own = record.predictions[list(record.entries).index("both")][0][number]
    assert [int(row["class"]) for row in rows] == own.tolist()
    assert [row["probability"] for row in rows] == [row[row["class"]] for row in rows]
    told = [n for n in number if n % 3 == 0]
    right = np.mean([own[number.index(n)] == record.labels[n] for n in told])
    assert "predictions.csv: 30 images\n" in said
    assert "classifier: arm both of replicate 1 (as asked), temperature " in said
    assert f"accuracy: {right:.1%} (" in said
    assert "of 10 labelled images\nexpected calibration error: " in said
    assert "1 image was left out (=broken.png is no image in a format" in said
    (bad,) = json.loads((tmp_path / "predictions.quarantine.json").read_text())
    assert bad["file"] == "=broken.png"


def test_bad_input_of_classify_is_one_line_and_writes_nothing(
    straight, gan_alone, tmp_path, capsys
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.png").write_text("no image")
    out = tmp_path / "out.csv"
    for arguments, said in (
        ([gan_alone, "digits"], "is a GAN alone and has no classifier"),
        ([tmp_path / "nowhere", "digits"], "is no folder"),
        ([straight.out, "digitz"], "unknown source 'digitz' (did you mean digits?)"),
        ([straight.out, "digits", "--split", "test"], "digits has no splits"),
        ([straight.out, "digits", "--arm", "best"], "--arm best: give real"),
        ([straight.out, f"folder:{tmp_path}/x"], "does not exist: give a folder of images"),
        ([straight.out, f"folder:{tmp_path}/empty"], "holds no image (.png"),
        ([straight.out, f"folder:{tmp_path}/none"], "none of its 1 files is an image"),
        ([straight.out, f"folder:{tmp_path}/none", "--on-bad", "fail"], "give --on-bad skip"),
        ([straight.out, f"zip:{tmp_path}/x.zip"], "does not exist"),
        ([straight.out, f"npz:{tmp_path}/x.npz"], "does not exist"),
        ([straight.out, "tfds:mnist", "--data-dir", tmp_path], "is not prepared in"),
    ):
        assert classify(*arguments, "--out", out) == 2
        lines = capsys.readouterr().err.splitlines()
        (line,) = [own for own in lines if not own.startswith("  ")]
        assert line.startswith("ganjax: error: ")
        assert said in line
        assert not list(tmp_path.glob("*.csv"))
    assert classify(straight.out, "digits", "--out", tmp_path) == 2
    assert "is a folder: give a file" in capsys.readouterr().err


def test_of_its_own_source_the_accuracy_is_told_with_a_warning(straight, tmp_path, capsys):
    out = tmp_path / "deep" / "digits.csv"
    assert classify(straight.out, "digits", "--out", out) == 0
    said = capsys.readouterr().out
    assert "of 1,797 labelled images" in said
    assert "some of these images were trained on or chose" in said
    assert out.read_text().startswith("file,class,probability,0,1,2,")
    assert len(out.read_text().splitlines()) == 1798
