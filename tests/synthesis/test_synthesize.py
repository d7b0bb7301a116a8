"""From a run's folder to a labelled set, and to an augmented one, whatever came between."""

import csv
import json
import os
import shutil
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image

from ganjax import interruption
from ganjax.config import ClassifierConfig, GANConfig, StudyConfig, TrainConfig, to_json
from ganjax.data import splits
from ganjax.data.export.claim import partial_folder
from ganjax.data.sources import load
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study.prepare import prepare
from ganjax.synthesis import train_run, trained, trained_on
from ganjax.synthesis.description import describe
from ganjax.synthesis.synthesize import Written, synthesize, weights_checksum
from ganjax.synthesis.wish import Wish

TINY = GANConfig(width=8, latent_size=4, batch_size=4, updates=2, augment="none", r1_weight=0)
COUNTS = {"ant": 20, "b_ee": 14, "cat": 10}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """No test may read or fill the cache of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "photos"
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"={i}.png")
    return folder


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """A tiny GAN of a source whose classes are of several sizes, a part of each held out."""
    config = TrainConfig(f"folder:{photos}", validation_fraction=0.2, gan=TINY)
    fit, _ = splits.hold_out(
        load(config.source).train, config.validation_fraction, seed=config.seed
    )
    return train(tmp_path_factory.mktemp("runs") / "gan", config, fit)


def train(folder, config, images, *, conditional=True):
    """Leave what a training leaves, without the looks at it that would be compiled first."""
    description = describe(config.gan, images, conditional=conditional)
    trained.train_in(folder, description, images, jax.random.key(0))
    (folder / "config.json").write_text(json.dumps(to_json(config)))
    return folder


@pytest.fixture(scope="module")
def study(photos, tmp_path_factory):
    """A study of which the GAN of replicate 1 is trained, and no more."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    config = StudyConfig(
        f"folder:{photos}", per_class=3, replicates=3, test_fraction=0.5, gan=TINY,
        classifier=ClassifierConfig(updates=2, evaluations=1),
    )  # fmt: skip
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(to_json(config)))
    draw = prepare(config, None, None, True, Silent()).draws[1]
    own = folder / "replicates" / "1"
    trained.train_in(own, describe(config.gan, draw.fit), draw.fit, jax.random.key(0))
    return folder, draw


def rows(folder):
    with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Listening(Silent):
    """Progress that keeps what is said."""

    def __init__(self):
        self.said = []

    def say(self, line):
        self.said.append(line)


def test_a_count_goes_round_the_classes(run, tmp_path):
    assert synthesize(run, tmp_path / "out", Wish(count=8)) == Written(0, 8, True)
    found = rows(tmp_path / "out")
    assert [row["label"] for row in found] == list("01201201")
    assert [row["index"] for row in found] == list("01234567")
    assert {row["source"] for row in found} == {"generated"}
    assert {row["seed"] for row in found} == {"0"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"] == [3, 3, 2]
    assert manifest["trained_on"].startswith("folder:")
    assert manifest["updates"] in (1, 2)
    assert manifest["gan"]["width"] == 8
    assert manifest["configuration"]["jax"] == jax.__version__
    assert manifest["command"] == (
        f"ganjax synthesize {run} --count 8 --format folder --seed 0 --out DIR"
    )


def test_an_image_is_the_same_file_whatever_the_count_and_another_with_another_seed(run, tmp_path):
    for name, wish in {
        "few": Wish(count=5), "many": Wish(count=150), "other": Wish(count=5, seed=1),
    }.items():  # fmt: skip
        synthesize(run, tmp_path / name, wish)
    few, many, other = (
        {name: content for name, content in tree(tmp_path / set_).items() if ".png" in name}
        for set_ in ("few", "many", "other")
    )
    assert len(few) == 5
    assert few.items() <= many.items()
    assert few.keys() == other.keys()
    assert few != other


@pytest.mark.parametrize("form", ["folder", "npz", "tfds"])
def test_the_same_wish_is_the_same_bytes_and_is_read_back(run, tmp_path, form):
    for name in ("one", "other"):
        synthesize(run, tmp_path / name, Wish(per_class=3, form=form, keep_copies=True))
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
    out = tmp_path / "one"
    source, data_dir = {
        "folder": (f"folder:{out}", None),
        "npz": (f"npz:{out / 'images.npz'}", None),
        "tfds": ("tfds:ganjax_images", out),
    }[form]
    found = load(source, data_dir=data_dir).train
    assert found.counts().tolist() == [3, 3, 3]
    assert found.class_names == tuple(COUNTS)
    gan = trained.load(run)
    images, labels = gan.sample(jax.random.key(0), 9)
    order = np.argsort(labels, kind="stable") if form == "folder" else np.arange(9)
    np.testing.assert_array_equal(found.images, images[order])


def test_so_many_of_some_classes_only(run, tmp_path):
    listening = Listening()
    wish = Wish(per_class={"cat": 4, "ant": 1})
    synthesize(run, tmp_path / "out", wish, progress=listening)
    assert [row["class"] for row in rows(tmp_path / "out")] == ["ant", "cat", "cat", "cat", "cat"]
    assert any(line.startswith("1 of 3 classes get no image (b_ee)") for line in listening.said), (
        listening.said
    )


@pytest.mark.parametrize("recorded", [True, False], ids=["on record", "counted again"])
def test_balanced_every_class_is_as_large_as_the_largest(run, tmp_path, recorded):
    own = tmp_path / "gan"
    shutil.copytree(run, own)
    told = json.loads((own / "generator.json").read_text())
    told.pop("counts", None)
    if recorded:
        told["counts"] = [20, 8, 5]  # not those of the source
    (own / "generator.json").write_text(json.dumps(told))
    synthesize(own, tmp_path / "out", Wish(balance=True))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    fit = [16, 11, 8]  # without a fifth of each class, held out
    expected = [0, 12, 15] if recorded else [0, fit[0] - fit[1], fit[0] - fit[2]]
    assert manifest["counts"] == expected


def test_with_the_real_images_it_is_one_augmented_set(run, photos, tmp_path):
    wish = Wish(balance=True, include_real=True)
    assert synthesize(run, tmp_path / "out", wish) == Written(35, 13, True)
    found = load(f"folder:{tmp_path / 'out'}").train
    assert found.counts().tolist() == [16, 16, 16]
    table = rows(tmp_path / "out")
    assert [row["source"] for row in table] == ["real"] * 35 + ["generated"] * 13
    assert {row["model"] for row in table[:35]} == {""}
    known = {image.tobytes() for image in load(f"folder:{photos}").train.images}
    real = list(_pixels(tmp_path / "out", table[:35]))
    assert {image.tobytes() for image in real} < known
    assert len({image.tobytes() for image in real}) == 35
    seen = trained_on.real_images(run, Silent())
    np.testing.assert_array_equal(np.stack(real), seen.take(np.arange(35)).images[..., 0])


@pytest.mark.parametrize(
    "chosen",
    [
        {"validation_fraction": 0.2}, {"validation_fraction": 0}, {"seed": 5},
        {"per_class": 4}, {"per_class": 6, "imbalance": 2.0, "seed": 1},
    ],
)  # fmt: skip
def test_the_real_images_are_those_that_training_is_given(photos, tmp_path, monkeypatch, chosen):
    class Given(Exception):
        """What the training would begin with."""

    def stop(folder, description, dataset, key, **others):
        raise Given(dataset)

    monkeypatch.setattr(train_run, "train_in", stop)
    with pytest.raises(Given) as given:
        train_run.train(TrainConfig(f"folder:{photos}", gan=TINY, **chosen), tmp_path / "run")
    (given,) = given.value.args
    found = trained_on.real_images(tmp_path / "run", Silent())
    assert len(found) == len(given) > 0
    every = np.arange(len(given))
    np.testing.assert_array_equal(found.take(every).images, given.take(every).images)
    np.testing.assert_array_equal(found.labels, given.labels)


def _pixels(folder, table):
    for row in table:
        with Image.open(folder / row["file_name"]) as image:
            yield np.asarray(image)


def test_a_study_gives_its_first_gan_and_the_images_of_its_draw(study, tmp_path):
    folder, draw = study
    listening = Listening()
    wish = Wish(per_class=2, include_real=True)
    found = synthesize(folder, tmp_path / "out", wish, progress=listening)
    assert found == Written(len(draw.fit), 6, True)
    assert listening.said[0] == (
        f"{folder} is a study: the GAN is that of {folder / 'replicates' / '1'}"
    )
    table = rows(tmp_path / "out")[: len(draw.fit)]
    np.testing.assert_array_equal(
        np.stack(list(_pixels(tmp_path / "out", table))), draw.fit.images[..., 0]
    )
    assert [row["original"] for row in table] == list(draw.fit.files)
    again = synthesize(folder / "replicates" / "1", tmp_path / "out", wish)
    assert again == found._replace(anew=False)


@pytest.mark.parametrize("form", ["folder", "npz"])
@pytest.mark.parametrize("stop", [35, 140])
def test_stopped_by_a_signal_it_goes_on_to_the_same_bytes(run, tmp_path, stop, form):
    class Asking(Silent):
        def stage(self, name, total, unit):
            return Stage() if name == "write" else super().stage(name, total, unit)

    class Stage:
        def __enter__(self):
            return self.tick

        def __exit__(self, *error):
            return False

        def tick(self, done, note=""):
            if done >= stop:
                os.kill(os.getpid(), signal.SIGTERM)

    wish = Wish(count=300, include_real=True, form=form)
    out = tmp_path / "out"
    with interruption.honour_signals(), pytest.raises(interruption.Interrupted):
        synthesize(run, out, wish, progress=Asking())
    assert not out.exists()
    lines = (partial_folder(out) / "set" / "metadata.csv").read_bytes().count(b"\n")
    assert stop < lines < 300
    assert synthesize(run, out, wish).anew
    synthesize(run, tmp_path / "undisturbed", wish)
    assert tree(out) == tree(tmp_path / "undisturbed")


def test_another_seed_count_or_run_is_refused_with_the_difference(run, study, tmp_path):
    out = tmp_path / "out"
    synthesize(run, out, Wish(count=6))
    before = tree(out)
    for folder, wish, said in [
        (run, Wish(count=6, seed=3), r"holds another set \(seed: 0, not 3\): give a new folder"),
        (run, Wish(count=7), r"\(images: 6, not 7; generated.ant: 2, not 3\)"),
        (study[0], Wish(count=6), r"\(model: [0-9a-f]{64}, not [0-9a-f]+"),
    ]:
        with pytest.raises(UserError, match=said):
            synthesize(folder, out, wish)
    assert tree(out) == before


def test_places_where_a_set_would_be_taken_for_something_else_are_refused(run, photos, study):
    for folder, out, said in [
        (run, run / "images", "is inside the run"),
        (study[0], study[0] / "images", "is inside the run"),
        (study[0], study[0] / "replicates" / "1" / "images", "is inside the run"),
        (run, run, "exists and is not empty"),
        (run, photos / "more", "is inside .*whose images the GAN was trained on"),
    ]:
        with pytest.raises(UserError, match=said):
            synthesize(folder, out, Wish(count=3))
    assert not (photos / "more").exists()


def test_a_source_that_changed_is_not_taken_for_what_was_trained_on(run, tmp_path):
    own = tmp_path / "gan"
    shutil.copytree(run, own)
    told = json.loads((own / "generator.json").read_text())
    (own / "generator.json").write_text(json.dumps({**told, "counts": [1, 2, 3]}))
    with pytest.raises(UserError, match=r"--include-real: .* has changed since the GAN was"):
        synthesize(own, tmp_path / "out", Wish(count=3, include_real=True))
    config = json.loads((own / "config.json").read_text())
    for source in ("digits", f"folder:{tmp_path / 'nowhere'}", "no source at all"):
        (own / "config.json").write_text(json.dumps({**config, "source": source}))
        with pytest.raises(UserError, match=r"has changed since|cannot be found again: "):
            synthesize(own, tmp_path / "out", Wish(count=3, include_real=True))
    (own / "config.json").unlink()
    with pytest.raises(UserError, match="cannot be found again: ") as told:
        synthesize(own, tmp_path / "out", Wish(count=3, include_real=True))
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()
    assert synthesize(own, tmp_path / "out", Wish(count=3)).generated == 3  # which needs none of it


def test_a_gan_without_labels_makes_images_of_one_class(photos, tmp_path):
    config = TrainConfig(f"folder:{photos}", conditional=False, gan=TINY)
    run = train(tmp_path / "gan", config, load(config.source).train, conditional=False)
    synthesize(run, tmp_path / "out", Wish(count=3))
    assert [row["class"] for row in rows(tmp_path / "out")] == ["all"] * 3
    for wish, said in [
        (Wish(per_class=3), "trained without labels .*: give --count"),
        (Wish(balance=True), "trained without labels .*: give --count"),
        (Wish(count=3, select="agreement"), "without labels .*: give --select discriminator"),
        (Wish(count=3, include_real=True), "--include-real: this GAN was trained without labels"),
    ]:
        with pytest.raises(UserError, match=said):
            synthesize(run, tmp_path / "other", wish)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"count": 0}, "--count must be at least 1, not 0"),
        ({"count": 3, "balance": True}, "give only one of --count and --balance"),
        ({"count": 3, "per_class": 3}, "give only one of --count and --per-class"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"form": "zip"}, "format must be one of folder, npz, tfds, not 'zip'"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(wish, said):
    with pytest.raises(UserError, match=said):
        Wish(**wish)


@pytest.mark.parametrize(
    ("per_class", "said"),
    [
        ({"dog\n": 3}, r"--per-class dog\\n: no such class; there are ant, b_ee, cat$"),
        ({"cat": -1}, "--per-class must be at least 0, not -1"),
        ({"cat": 0}, "asks for no image at all"),
        (0, "asks for no image at all"),
    ],
)
def test_classes_that_there_are_not_are_refused(run, tmp_path, per_class, said):
    with pytest.raises(UserError, match=said):
        synthesize(run, tmp_path / "out", Wish(per_class=per_class))
    assert not list(tmp_path.iterdir())


def test_the_checksum_is_of_the_generator_alone_and_of_all_of_it(run):
    state = trained.load(run).state
    before = weights_checksum(state)
    assert before == weights_checksum(trained.load(run).state)
    other = jax.tree.map(lambda leaf: leaf + 1, state.discriminator)
    assert weights_checksum(replace(state, discriminator=other)) == before
    leaves, tree_of = jax.tree.flatten(state.ema_generator)
    changed = [*leaves[:-1], leaves[-1].at[(0,) * leaves[-1].ndim].add(1e-3)]
    assert weights_checksum(replace(state, ema_generator=tree_of.unflatten(changed))) != before


@pytest.fixture(scope="module")
def copying(run, tmp_path_factory):
    """The same GAN, as if it had been trained on some of the images that it makes."""
    root = tmp_path_factory.mktemp("copying")
    synthesize(run, root / "made", Wish(count=120, keep_copies=True))
    rng = np.random.default_rng(1)
    for place in sorted((root / "made").glob("*/*.png")):
        folder = root / "photos" / place.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        if int(place.stem[-7:]) % 4 == 0:
            shutil.copy(place, folder)
        for i in range(2):
            noise = rng.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(noise).save(folder / f"{place.stem}_{i}.png")
    own = root / "gan"
    shutil.copytree(run, own)
    config = json.loads((own / "config.json").read_text())
    config["source"] = f"folder:{root / 'photos'}"
    (own / "config.json").write_text(json.dumps(config))
    told = json.loads((own / "generator.json").read_text())
    del told["counts"]
    (own / "generator.json").write_text(json.dumps(told))
    seen = trained_on.real_images(own, Silent())
    images = seen.take(np.arange(len(seen))).images[..., 0]
    return own, {image.tobytes() for image in images}


def pixels_of(folder):
    return [image.tobytes() for image in _pixels(folder, rows(folder))]


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_copies_are_dropped_and_replaced_and_the_manifest_tells(copying, tmp_path):
    own, known = copying
    for name, wish in {"all": Wish(count=120, keep_copies=True), "some": Wish(count=120)}.items():
        synthesize(own, tmp_path / name, wish)
    every, kept = pixels_of(tmp_path / "all"), pixels_of(tmp_path / "some")
    copies = [image in known for image in every]
    assert 15 < sum(copies) < 40
    assert not known & set(kept)
    assert len(set(kept)) == 120
    table = rows(tmp_path / "some")
    assert [row["label"] for row in table] == [str(i % 3) for i in range(120)]
    for one, other, is_copy, row in zip(every, kept, copies, table, strict=True):
        assert (one == other) == (row["copies_dropped"] == "0")
        assert not (is_copy and one == other)
        assert (int(row["candidate"]) < 128) == (one == other)
    found = manifest_of(tmp_path / "some")
    dropped = sum(int(row["copies_dropped"]) for row in table)
    assert found["totals"] == {"copies_dropped": dropped, "unselected_dropped": 0}
    assert dropped >= sum(copies)
    told = found["copies"]
    assert told["dropped"]
    assert told["holds_copies"]
    assert told["training_images"] == len(known)
    assert 0 < told["threshold"] < 0.9
    assert told["copying_z"] is not None
    assert told["authenticity"] < 1
    assert found["configuration"]["threshold"] == told["threshold"]
    whole = manifest_of(tmp_path / "all")
    assert not whole["copies"]["dropped"]
    assert whole["copies"]["called_copies"] == told["called_copies"]
    assert "totals" not in whole


def test_what_the_audit_found_is_said_in_a_line(copying, tmp_path):
    listening = Listening()
    synthesize(copying[0], tmp_path / "out", Wish(count=3), progress=listening)
    (line,) = [line for line in listening.said if line.startswith("copies: ")]
    assert " samples are as near to one training image as a copy" in line
    assert "% are copies (p = 0.0" in line


@pytest.mark.parametrize("wish", [{}, {"select": "discriminator", "keep_fraction": 0.3}])
def test_screened_images_are_the_same_whatever_the_count(copying, tmp_path, wish):
    for count in (40, 130):
        synthesize(copying[0], tmp_path / str(count), Wish(count=count, **wish))
    few, many = pixels_of(tmp_path / "40"), pixels_of(tmp_path / "130")
    assert few == many[:40]


def test_screened_and_stopped_it_goes_on_to_the_same_bytes(copying, tmp_path):
    wish = Wish(count=300, form="npz", select="discriminator", keep_fraction=0.5)
    synthesize(copying[0], tmp_path / "whole", wish)
    out = tmp_path / "cut"

    class Asking(Silent):
        def say(self, line):
            assert not line.startswith("going on") or "after 128 of 300" in line

        def stage(self, name, total, unit):
            return Stage() if name == "write" else super().stage(name, total, unit)

    class Stage:
        def __enter__(self):
            return self.tick

        def __exit__(self, *error):
            return False

        def tick(self, done, note=""):
            os.kill(os.getpid(), signal.SIGTERM)

    with interruption.honour_signals(), pytest.raises(interruption.Interrupted):
        synthesize(copying[0], out, wish, progress=Asking())
    assert not out.exists()
    synthesize(copying[0], out, wish)
    assert tree(out) == tree(tmp_path / "whole")


def test_where_the_training_images_are_gone_there_is_no_audit_and_it_says_so(run, tmp_path):
    own = tmp_path / "gan"
    shutil.copytree(run, own)
    (own / "config.json").unlink()
    listening = Listening()
    synthesize(own, tmp_path / "out", Wish(count=6), progress=listening)
    assert any(line.startswith("no copy audit: the images that ") for line in listening.said)
    found = manifest_of(tmp_path / "out")
    assert "cannot be found again" in found["copies"]["not_audited"]
    assert not found["copies"]["dropped"]
    assert "candidate" not in rows(tmp_path / "out")[0]
    with pytest.raises(UserError, match="--select agreement needs the training images: the images"):
        synthesize(own, tmp_path / "other", Wish(count=6, select="agreement"))


def test_a_study_is_audited_by_its_own_draw(study, tmp_path):
    folder, draw = study
    synthesize(folder, tmp_path / "out", Wish(count=3))
    told = manifest_of(tmp_path / "out")["copies"]
    assert told["training_images"] == len(draw.fit)
    assert told["held_out"] == len(draw.validation)


@pytest.mark.parametrize(
    ("select", "fraction", "said"),
    [
        ("discriminator", None, "discriminator, 50%"),
        ("agreement", 0.25, "agreement, 25%"),
    ],
)
def test_of_those_that_are_selected_there_are_exactly_as_many_as_wanted(
    copying, tmp_path, select, fraction, said
):
    wish = Wish(per_class=15, select=select, keep_fraction=fraction)
    assert str(wish.filter) == said
    synthesize(copying[0], tmp_path / "out", wish)
    found = manifest_of(tmp_path / "out")
    assert found["counts"] == [15, 15, 15]
    assert found["totals"]["unselected_dropped"] > 0
    told = found["selection"]
    assert (told["by"], told["keep_fraction"]) == (select, wish.filter.keep)
    assert found["configuration"]["selection"] == told
    if select == "discriminator":
        table = rows(tmp_path / "out")
        assert all(float(row["score"]) >= told["thresholds"][int(row["label"])] for row in table)
    else:
        assert told["classifier"]["trained_on"] == found["copies"]["training_images"]
        assert 0 <= told["classifier"]["held_out_accuracy"] <= 1
    flags = ["--select", select, *(["--keep-fraction", str(fraction)] if fraction else [])]
    assert " ".join(flags) in found["command"]


def test_truncated_and_expanded_latents_make_other_sets(run, tmp_path):
    wishes = {
        "narrow": Wish(count=9, truncation=0.2),
        "plain": Wish(count=9),
        "wide": Wish(count=9, expansion=3.0),
    }
    for name, wish in wishes.items():
        synthesize(run, tmp_path / name, wish)
    narrow, plain, wide = (
        np.stack(list(_pixels(tmp_path / name, rows(tmp_path / name))))[::3].std(axis=0).mean()
        for name in wishes
    )
    assert narrow < plain < wide
    for name, how, value in (("narrow", "truncation", 0.2), ("wide", "expansion", 3.0)):
        manifest = manifest_of(tmp_path / name)
        assert manifest["configuration"][how] == value
        assert f"--{how} {value}" in manifest["command"]


def test_nothing_is_kept_of_a_class_that_cannot_be_filled(run, tmp_path, monkeypatch):
    monkeypatch.setattr("ganjax.synthesis.sift.MOST_ROUNDS", 3)
    wish = Wish(count=300, select="agreement", keep_fraction=1e-9)
    with pytest.raises(UserError, match=r"class \w+ cannot be filled: .*a larger --keep-fraction"):
        synthesize(run, tmp_path / "out", wish)
    assert not (tmp_path / "out").exists()
