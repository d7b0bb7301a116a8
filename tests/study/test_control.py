"""The negative control of a study: noise in the place of generated images, and nothing else."""

import json
import shutil

import pytest

from ganjax.config import ClassifierConfig, StudyConfig
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study import control, pool, study
from ganjax.study.arms import CONTROL, RIVAL
from ganjax.study.pool import sham


def config_of(kind, **changed):
    """A small study without GANs."""
    classifier = ClassifierConfig(
        width=4, updates=10, evaluations=2, batch_size=16, seeds=1, ratios=(0.0, 0.5),
        strengths=(0.0, 1.0), learning_curve=False, **changed,
    )  # fmt: skip
    return StudyConfig(
        source="digits", per_class=8, replicates=3, pool=100, sham=kind, classifier=classifier
    )


def rivals_of(found):
    return found["comparisons"][0]["rivals"]


class StopBeforeLooks(Silent):
    """Progress that stops the process, as Ctrl-C does, when all is trained."""

    def stage(self, name, total, unit):
        if name.startswith("judge"):
            raise KeyboardInterrupt
        return super().stage(name, total, unit)


def test_it_differs_in_its_images_alone(tmp_path, monkeypatch):
    """Given the very images of the arm, it answers as the arm does, image by image."""
    made = []

    def remembered(*given):
        made.append(sham(*given))
        return made[-1]

    monkeypatch.setattr(pool, "sham", remembered)
    monkeypatch.setattr(control, "sham", lambda *given: made.pop(0))
    found = study(config_of("noise"), tmp_path / "study", side_by_side=1)
    assert rivals_of(found)[-1] == {
        "baseline": CONTROL, "difference": 0.0, "low": 0.0, "high": 0.0,
    }  # fmt: skip
    assert not made


def test_it_learns_from_other_noise_than_a_sham(tmp_path, monkeypatch):
    seen = []

    def remembered(*given):
        seen.append(sham(*given))
        return seen[-1]

    for room in (pool, control):
        monkeypatch.setattr(room, "sham", remembered)
    found = study(config_of("noise"), tmp_path / "study", side_by_side=1)
    assert len({own.images.images.tobytes() for own in seen}) == len(seen) == 6
    assert any("noise in their place" in line for line in found["verdict"]["details"])


def test_without_it_only_strengths_have_to_be_beaten(tmp_path):
    found = study(config_of("copies", control=False), tmp_path / "study", side_by_side=1)
    assert [row["baseline"] for row in rivals_of(found)] == [f"{RIVAL}0", f"{RIVAL}1"]
    assert not any("noise" in line for line in found["verdict"]["details"])


def test_one_of_another_candidate_is_trained_again(tmp_path):
    out, config = tmp_path / "study", config_of("copies")
    straight = study(config, tmp_path / "straight", side_by_side=1)
    with pytest.raises(KeyboardInterrupt):
        study(config, out, side_by_side=1, progress=StopBeforeLooks())
    file = out / "replicates" / "1" / "control" / "weights.json"
    about = json.loads(file.read_text())
    about["facts"] |= {"candidate": about["facts"]["candidate"] + 1, "accuracy": 0.0}
    file.write_text(json.dumps(about))
    (out / "replicates" / "2" / "control" / "weights.json").write_text("cut o")
    assert study(config, out, side_by_side=1)["comparisons"] == straight["comparisons"]


def test_a_damaged_one_says_what_to_delete(tmp_path):
    out = tmp_path / "study"
    config = config_of("copies")
    with pytest.raises(KeyboardInterrupt):
        study(config, out, side_by_side=1, progress=StopBeforeLooks())
    folder = out / "replicates" / "1" / "control"
    (folder / "weights.safetensors").write_bytes(b"cut off")
    with pytest.raises(UserError, match=f"delete {folder}, and the same command"):
        study(config, out, side_by_side=1)
    shutil.rmtree(folder)
    assert rivals_of(study(config, out, side_by_side=1))[-1]["baseline"] == CONTROL
    assert not list(out.rglob("control"))
