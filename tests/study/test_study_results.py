"""From predictions to a verdict: the numbers are scikit-learn's, the words are the right ones."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics

from ganjax.study import results
from ganjax.study.arms import CONTROL, RIVAL, Candidate, Entry
from ganjax.study.record import Record

CANDIDATES = (Candidate(0.0, 0.0), Candidate(0.0, 1.0), Candidate(0.5, 0.0), Candidate(0.5, 1.0))
ARMS = ("real", "classical", "generated", "both")
CLASSES = 4


def make_records(*, replicates=5, seeds=2, images=600, gain=0.0, spread=0.0, chosen=None, seed=0):
    """Make up replicates whose arms are right on 70 % of the images, and `both` on `gain` more.

    Arms are right on nearly the same images, as arms of a study are.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, images).astype(np.int32)
    difficulty = rng.uniform(size=images)
    records = []
    for _ in range(replicates):
        shift = spread * rng.normal()
        rows = []
        for arm in ARMS:
            skill = 0.7 + (gain + shift if arm == "both" else 0.0)
            noise = 0.01 * rng.normal(size=(seeds, images))
            right = difficulty + noise < skill
            wrong = (labels + rng.integers(1, CLASSES, (seeds, images))) % CLASSES
            rows.append(np.where(right, labels, wrong))
        entries = {arm: Entry(i, 10, 0.9, 0.3) for i, arm in enumerate(ARMS)}
        entries |= {arm: Entry(i, 20, 0.8, 0.4) for arm, i in (chosen or {}).items()}
        records.append(
            Record(
                entries=entries,
                validation=[0.9] * len(CANDIDATES),
                curves={"update": [10], "accuracy": [[0.9] * len(CANDIDATES)]},
                history={"update": [10.0]},
                signs={"update": [10], "distance": [1.0]},
                kept=10,
                parameters={"generator": 1, "discriminator": 1, "classifier": 1},
                seconds={"gan": 1.0, "classifiers": 1.0, "test": 1.0},
                labels=labels,
                predictions=np.array(rows, np.int32),
                real=np.zeros((CLASSES, 8, 8, 8, 1), np.uint8),
                generated=np.zeros((CLASSES, 8, 8, 8, 1), np.uint8),
            )
        )
    return records


def arm_of(records, arm, classes=CLASSES):
    return results.arm_results(arm, records, CANDIDATES, classes, updates=40, batch_size=64)


@pytest.mark.parametrize("arm", ARMS)
def test_scores_of_an_arm_are_scikit_learns(arm):
    records = make_records(replicates=3, seeds=3, images=101, gain=0.1, spread=0.02)
    found = arm_of(records, arm)
    confusion = np.zeros((CLASSES, CLASSES))
    for i, record in enumerate(records):
        truth, predictions = record.labels, record.predictions[ARMS.index(arm)]
        recalls = [
            metrics.recall_score(truth, p, average=None, labels=range(CLASSES)) for p in predictions
        ]
        np.testing.assert_allclose(
            found["test_accuracy"][i],
            np.mean([metrics.accuracy_score(truth, p) for p in predictions]),
        )
        np.testing.assert_allclose(
            found["balanced_accuracy"][i],
            np.mean([metrics.balanced_accuracy_score(truth, p) for p in predictions]),
        )
        np.testing.assert_allclose(found["class_accuracy"][i], np.mean(recalls, axis=0))
        confusion += np.mean([metrics.confusion_matrix(truth, p) for p in predictions], axis=0)
    np.testing.assert_allclose(found["confusion"], confusion)
    np.testing.assert_allclose(found["accuracy"]["mean"], np.mean(found["test_accuracy"]))
    assert found["accuracy"]["low"] <= found["accuracy"]["mean"] <= found["accuracy"]["high"]


def test_an_arm_tells_what_it_cost_and_what_was_chosen():
    found = arm_of(make_records(replicates=3), "generated")
    assert found["updates"] == 40
    assert found["examples"] == 40 * 64
    assert found["chosen"] == 3 * [
        {
            "ratio": 0.5,
            "strength": 0.0,
            "balanced": False,
            "part": 1.0,
            "update": 10,
            "validation_accuracy": 0.9,
            "validation_probability": 0.3,
        }
    ]


def test_a_class_without_test_images_is_left_out_and_is_no_nan():
    records = make_records(replicates=3)
    found = arm_of(records, "real", classes=CLASSES + 1)
    assert all(row[-1] is None for row in found["class_accuracy"])
    np.testing.assert_allclose(
        found["balanced_accuracy"], arm_of(records, "real")["balanced_accuracy"]
    )
    json.dumps(found, allow_nan=False)


def test_the_first_comparison_is_the_decisive_one_and_has_no_corrected_p_value():
    rows = results.comparisons(make_records())
    assert (rows[0]["arm"], rows[0]["baseline"]) == ("both", "classical")
    assert rows[0]["metric"] == "test_accuracy"
    assert [row["decisive"] for row in rows] == [True] + [False] * (len(rows) - 1)
    assert "p_value_holm" not in rows[0]
    assert all(0 <= row["p_value_holm"] <= 1 for row in rows[1:])


def test_every_pair_of_arms_is_compared_once_in_either_metric():
    rows = results.comparisons(make_records())
    for metric in ("test_accuracy", "balanced_accuracy"):
        pairs = [{r["arm"], r["baseline"]} for r in rows if r["metric"] == metric]
        assert len(pairs) == 6
        assert all(len(pair) == 2 for pair in pairs)
        assert len({frozenset(pair) for pair in pairs}) == 6


def test_comparisons_agree_with_the_arms_scores_and_lie_in_their_intervals():
    records = make_records(gain=0.05, spread=0.01)
    arms = {arm: arm_of(records, arm) for arm in ARMS}
    for row in results.comparisons(records):
        expected = np.mean(arms[row["arm"]][row["metric"]]) - np.mean(
            arms[row["baseline"]][row["metric"]]
        )
        np.testing.assert_allclose(row["difference"], expected, atol=1e-12)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["level"] == 0.95


@pytest.mark.parametrize("balanced", [False, True])
def test_a_comparison_the_other_way_round_has_the_other_sign(balanced):
    records = make_records(gain=0.03, spread=0.02)
    one = results.difference("both", "real", records, balanced=balanced)
    other = results.difference("real", "both", records, balanced=balanced)
    np.testing.assert_allclose(
        [one.estimate, one.low, one.high], [-other.estimate, -other.high, -other.low], atol=1e-12
    )


def test_corrected_p_values_are_small_only_where_arms_differ():
    rows = results.comparisons(make_records(gain=0.15))
    for row in rows[1:]:
        assert (row["p_value_holm"] < 0.05) == ("both" in (row["arm"], row["baseline"]))


def test_a_large_gain_is_said_to_help():
    found = results.verdict(make_records(gain=0.15), 0.01, 0)
    assert found["helps"] is True
    assert found["text"].startswith("Generated images help: the best arm with them scored +")
    assert "95% interval" in found["text"]
    assert found["details"] == ["The whole interval lies above zero."]
    assert found["replicates_to_tell"] is None


def test_a_real_gain_below_the_smallest_one_worth_having_is_said_to_be_small():
    found = results.verdict(make_records(gain=0.05, images=3000), 0.2, 0)
    assert found["helps"] is True
    assert found["details"] == [
        "The gain is real but smaller than 20 points, the least you said is worth having."
    ]


@pytest.mark.parametrize("gain", [0.0, -0.15])
def test_no_gain_or_a_loss_is_said_not_to_help(gain):
    found = results.verdict(make_records(gain=gain, images=4000), 0.01, 0)
    assert found["helps"] is False
    assert found["text"].startswith("Generated images do not help: ")
    assert found["details"] == [
        "The whole interval lies below 1 point, the smallest gain counted as worth having."
    ]
    assert found["replicates_to_tell"] is None


def test_a_noisy_study_cannot_tell_and_says_how_many_replicates_would():
    found = results.verdict(
        make_records(gain=0.04, spread=0.06, replicates=3, images=4000, seed=2), 0.01, seed=6
    )
    assert found["helps"] is None
    assert found["text"].startswith("This study cannot tell whether generated images help: ")
    needed = found["replicates_to_tell"]
    assert needed > 3
    assert found["details"][0] == (
        "The interval leaves room both for no gain and for one of 1 point or more."
    )
    assert f"--replicates {needed} --seed 7 with a new --out" in found["details"][1]


def test_a_small_test_set_cannot_tell_and_says_that_replicates_would_not_settle_it():
    records = make_records(images=12, seed=3)
    for record in records:  # half a gain on one image, the same in every replicate
        record.predictions[ARMS.index("both")] = record.predictions[ARMS.index("classical")]
        record.predictions[ARMS.index("both")][:, 0] = record.labels[0]
        record.predictions[ARMS.index("classical")][:, 0] = (record.labels[0] + 1) % CLASSES
    found = results.verdict(records, 0.01, 0)
    assert found["helps"] is None
    assert found["replicates_to_tell"] is None
    assert "the test set is too small" in found["details"][1]


def test_the_verdict_follows_from_the_decisive_interval():
    for gain in (-0.05, 0.0, 0.01, 0.02, 0.1):
        for images in (100, 1500):
            records = make_records(gain=gain, images=images, spread=0.005)
            helps = results.verdict(records, 0.01, 0)["helps"]
            row = results.comparisons(records)[0]
            expected = True if row["low"] > 0 else False if row["high"] < 0.01 else None
            assert helps is expected


def with_rivals(records, **arms):
    """Let rivals answer on the test set as other arms do."""
    return [
        dataclasses.replace(
            own,
            entries={**own.entries, **{RIVAL + k: own.entries[arm] for k, arm in arms.items()}},
            predictions=np.concatenate(
                [own.predictions, *(own.predictions[[ARMS.index(arm)]] for arm in arms.values())]
            ),
        )
        for own in records
    ]


def test_generated_images_must_beat_every_rival_and_not_only_the_one_that_was_chosen():
    records = make_records(gain=0.15)
    assert results.verdict(records, 0.01, 0)["helps"] is True
    beaten = with_rivals(records, chosen="classical")
    assert results.verdict(beaten, 0.01, 0) == results.verdict(records, 0.01, 0)
    as_good = with_rivals(records, chosen="classical", good="both")
    found = results.verdict(as_good, 0.01, 0)
    assert found["helps"] is None
    assert found["replicates_to_tell"] is None
    assert "without them another strength did as well" in found["details"][1]
    interval = results.difference("both", "classical", records)
    assert any(
        told.startswith("The lower end is that against strength good, the hardest to beat ")
        and told.endswith(f"validation chose it would be {100 * interval.low:+.1f}.")
        for told in found["details"]
    )
    row = results.comparisons(as_good)[0]
    assert (row["low"], row["difference"], row["high"]) == (0, interval.estimate, interval.high)
    assert [own["baseline"] for own in row["rivals"]] == [f"{RIVAL}chosen", f"{RIVAL}good"]
    assert row["rivals"][1] | {"baseline": ""} == {
        "baseline": "", "difference": 0, "low": 0, "high": 0
    }  # fmt: skip


def test_generated_images_must_beat_noise_in_their_place_too():
    records = with_rivals(make_records(gain=0.15), chosen="classical", noise="both")

    def named(records):
        return [
            dataclasses.replace(
                own,
                entries={
                    CONTROL if name == f"{RIVAL}noise" else name: entry
                    for name, entry in own.entries.items()
                },
            )
            for own in records
        ]

    found = results.verdict(named(records), 0.01, 0)
    assert found["helps"] is None
    assert "they are: noise in their place did as well" in found["details"][1]
    assert any("end is that against noise in their place; " in own for own in found["details"])
    assert found["details"][-1] == (
        "Against the same training with noise in their place: +0.0 points (+0.0 to +0.0); a gain "
        "over it of 1 point or more is ruled out."
    )
    weak = with_rivals(make_records(gain=0.15), chosen="classical", noise="classical")
    found = results.verdict(named(weak), 0.01, 0)
    assert found["helps"] is True
    gain = results.difference("both", "classical", weak)
    said = f"place: {100 * gain.estimate:+.1f} points ({100 * gain.low:+.1f} to "
    assert found["details"][-1].endswith(f"{said}{100 * gain.high:+.1f}).")


def test_a_small_gain_that_cannot_be_told_is_no_rivals_doing():
    """More test images would tell, or more replicates: what was chosen is a rival itself."""
    records = make_records(images=12, seed=3)
    for record in records:
        record.predictions[ARMS.index("both")] = record.predictions[ARMS.index("classical")]
        record.predictions[ARMS.index("both")][:, 0] = (record.labels[0] + 1) % CLASSES
        record.predictions[ARMS.index("classical")][:, 0] = record.labels[0]
        record.predictions[ARMS.index("classical")][:, 1] = record.labels[1]
        record.predictions[ARMS.index("both")][:, 1] = record.labels[1]
    found = results.verdict(with_rivals(records, chosen="classical"), 0.01, 0)
    assert results.gain(records).estimate < 0
    assert found["replicates_to_tell"] is None
    assert "the test set is too small" in found["details"][1]


def test_the_verdict_tells_where_validation_was_surer_without_generated_images():
    records = make_records()
    details = results.verdict(records, 0.01, 0)["details"]
    assert not any("left them out" in told for told in details)
    surer = [
        dataclasses.replace(own, entries={**own.entries, "classical": Entry(1, 10, 0.9, sure)})
        for own, sure in zip(records, (0.31, 0.29, 0.35, 0.35, 0.35), strict=True)
    ]
    assert results.verdict(surer, 0.01, 0)["details"][-1] == (
        "The validation images alone would have left them out: there the right class got 33.0 % of "
        "the probability without them, 30.0 % with them."
    )


def calibrated(temperature, counts, confidence, accuracy):
    bins = {"confidence": confidence, "accuracy": accuracy, "counts": counts}
    before = {"error": 0.2, **bins}
    return {"temperature": temperature, "before": before, "after": {**before, "error": 0.1}}


def test_calibration_puts_the_bins_of_all_replicates_together():
    one = calibrated(1.5, [1, 3, 0], [0.2, 0.5, None], [0.0, 1.0, None])
    other = calibrated(2.5, [3, 0, 0], [0.3, None, None], [1.0, None, None])
    records = [
        dataclasses.replace(record, calibration={"real": own})
        for record, own in zip(make_records(replicates=2), (one, other), strict=True)
    ]
    (found,) = results.calibration(("real", "both"), records).values()
    assert found["temperature"] == [1.5, 2.5]
    assert (found["before"]["error"], found["after"]["mean"]) == ([0.2, 0.2], 0.1)
    bins = found["before"]["reliability"]
    assert bins["counts"] == [4, 3, 0]
    np.testing.assert_allclose(bins["confidence"][:2], [(0.2 + 3 * 0.3) / 4, 0.5])
    np.testing.assert_allclose(bins["accuracy"][:2], [3 / 4, 1.0])
    assert bins["accuracy"][2] is bins["confidence"][2] is None
    json.dumps(found, allow_nan=False)


def test_a_replicate_of_an_earlier_version_tells_no_calibration():
    records = make_records(replicates=2)
    assert results.calibration(ARMS, records) == {}
    told = calibrated(1.5, [2], [0.5], [0.5])
    records[1] = dataclasses.replace(records[1], calibration={"both": told})
    found = results.calibration(ARMS, records)["both"]
    assert found["temperature"] == [None, 1.5]
    assert found["after"]["error"] == [None, 0.1]
    assert found["after"]["mean"] == 0.1


def test_a_record_comes_back_from_its_folder_as_it_was(tmp_path):
    (record,) = make_records(replicates=1)
    told = {"real": calibrated(1.5, [2], [0.5], [0.5])}
    record = dataclasses.replace(record, calibration=told)
    assert Record.load(tmp_path) is None
    record.save(tmp_path)
    found = Record.load(tmp_path)
    assert found.entries == record.entries
    assert (found.curves, found.seconds) == (record.curves, record.seconds)
    assert found.calibration == told
    for name in ("labels", "predictions", "real", "generated"):
        np.testing.assert_array_equal(getattr(found, name), getattr(record, name))
        assert getattr(found, name).dtype == getattr(record, name).dtype


def test_a_record_without_its_last_file_counts_as_unfinished(tmp_path):
    (record,) = make_records(replicates=1)
    record.save(tmp_path)
    (tmp_path / "record.json").unlink()
    assert Record.load(tmp_path) is None
