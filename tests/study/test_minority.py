"""What the classes with few images gain: the mean over them, nothing where classes are alike."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import recall_score
from test_study_results import make_records

from ganjax.study.arms import CONTROL, RESAMPLED, WITH, Candidate, Entry, line_up
from ganjax.study.minority import minority

COUNTS, NAMES = (50, 3, 20, 7), ("a", "b", "c", "d")


def resampled_records(gain_of_few):
    """Records with resampling beside the arms; `both` also right on a part of classes 1 and 3."""
    found = []
    for record in make_records(images=4000):
        both = list(record.entries).index(WITH)
        predictions = np.concatenate([record.predictions, record.predictions[:1]])
        wrong = (predictions[both] != record.labels) & np.isin(record.labels, (1, 3))[None]
        lucky = wrong & (np.random.default_rng(1).random(4000) < gain_of_few / 0.3)[None]
        predictions[both] = np.where(lucky, record.labels[None], predictions[both])
        entries = {**record.entries, RESAMPLED: Entry(0, 10, 0.9, 0.3)}
        found.append(replace(record, entries=entries, predictions=predictions))
    return found


def test_the_gain_of_the_classes_with_the_fewest_images_is_told():
    records = resampled_records(0.06)
    found = minority(records, COUNTS, NAMES)
    assert found["classes"] == ["b", "d"]
    by_hand = []
    for record in records:
        of_class = [
            recall_score(record.labels, rows, labels=[1, 3], average="macro")
            for arm in (3, 4) for rows in record.predictions[arm]
        ]  # fmt: skip
        by_hand.append(np.mean(of_class[:2]) - np.mean(of_class[2:]))
    against = found["comparisons"][1]
    assert (against["arm"], against["baseline"]) == (WITH, RESAMPLED)
    assert against["difference"] == pytest.approx(np.mean(by_hand))
    assert 0.03 < against["low"] < against["difference"] < against["high"] < 0.09
    assert "class-balanced resampling alone (95% interval +" in found["text"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    with_noise = [
        replace(
            own,
            entries={**own.entries, CONTROL: own.entries[RESAMPLED]},
            predictions=np.concatenate([own.predictions, own.predictions[4:5]]),
        )
        for own in records
    ]
    noise = minority(with_noise, COUNTS, NAMES)
    assert noise["comparisons"][2] == {**against, "baseline": CONTROL}
    assert "points against noise in their place (95% interval +" in noise["text"]
    of_one = minority(records, COUNTS[:3], NAMES[:3])
    assert of_one["text"].startswith("On the class with the fewest images ")


def test_where_classes_are_drawn_alike_or_not_tested_there_is_nothing_to_tell():
    assert minority(make_records(), COUNTS, NAMES) is None
    records = [replace(r, labels=np.zeros_like(r.labels)) for r in resampled_records(0.0)]
    assert minority(records, COUNTS, NAMES) is None


def test_resampling_alone_is_one_of_the_candidates_of_an_unbalanced_study():
    candidates, arms = line_up((0.0, 0.5), (0.0, 1.0), unbalanced=True)
    assert [candidates[i] for i in arms[RESAMPLED]] == [Candidate(0.0, 0.0, balanced=True)]
    assert RESAMPLED not in line_up((0.0, 0.5), (0.0, 1.0))[1]
