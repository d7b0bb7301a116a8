"""Made-up results of studies, shaped like the real ones, and real digits as pictures."""

import copy

import numpy as np
import pytest

ARMS = ("real", "classical", "generated", "both")
JOINT = ("auxiliary", "three-player", "semi-supervised")
VERDICTS = {
    True: (0.021, 0.006, 0.036, None, ["The whole interval lies above zero."]),
    False: (
        -0.006, -0.019, 0.007, None,
        ["The whole interval lies below 1 point, the smallest gain counted as worth having.",
         "In 2 of 5 replicates validation itself preferred to leave the generated images out."],
    ),
    None: (
        0.012, -0.003, 0.027, 12,
        ["The interval leaves room both for no gain and for one of 1 point or more.",
         "If the difference stays what it is, about 12 replicates of other draws would tell: "
         "--replicates 12 --seed 1 with a new --out."],
    ),
}  # fmt: skip
TEXTS = {
    True: "Generated images help",
    False: "Generated images do not help",
    None: "This study cannot tell whether generated images help",
}


def make_results(helps=None, *, classes=10, replicates=5, channels=1, names=None, seed=0):
    """Return results as `results.json` holds them, with numbers of the right order."""
    rng = np.random.default_rng(seed)
    names = names or [str(i) for i in range(classes)]
    gain, low, high, needed, details = VERDICTS[helps]
    centres = {"real": 0.884, "classical": 0.917, "generated": 0.902, "both": 0.917 + gain}
    return {
        "schema": 1, "source": "digits", "per_class": 20, "seed": 0, "replicates": replicates,
        "classes": list(names),
        "counts": {"pool": 1078, "test": 719, "fit_per_class": 15, "validation_per_class": 5},
        "image": {"height": 8, "width": 8, "channels": channels},
        "arms": {
            arm: _arm(rng, arm, centres[arm], classes, replicates) for arm in ARMS
        },
        "comparisons": _comparisons(rng, centres, (gain, low, high)),
        "calibration": make_calibration(replicates),
        "verdict": {
            "helps": helps,
            "text": f"{TEXTS[helps]}: the best arm with them scored {100 * gain:+.1f} points of "
            f"accuracy against the best arm without (95% interval {100 * low:+.1f} to "
            f"{100 * high:+.1f}).",
            "details": details, "smallest_gain": 0.01, "replicates_to_tell": needed,
        },
        "validation": _validation(rng, replicates),
        "gan": {
            "history": [_gan_history(rng) for _ in range(replicates)], "updates": 3000,
            "parameters": {"generator": 131_329, "discriminator": 98_113},
        },
        "classifier": {
            "history": {
                "update": list(range(150, 1501, 150)),
                "arms": {arm: _curve(rng, centres[arm]) for arm in ARMS},
            },
            "parameters": 24_874, "seeds": 2,
        },
        "samples": make_samples(classes=classes, replicates=replicates),
        "policy": {
            "discriminator": "brightness up to +-0.5, contrast up to +-50%, translate up to 0.125 "
            "of the size, cut out a square of 0.5 of the size, no mirroring",
            "classical": "rotate up to 15 degrees, scale up to 1.15-fold, translate up to 0.125 of "
            "the size, contrast up to +-20%, brightness up to +-0.2, no mirroring",
        },
        "seconds": {"total": 118.4, "data": 0.6, "gan": 61.2, "classifiers": 55.1, "test": 1.3},
        "environment": {
            "ganjax": "0.1.0", "python": "3.11.9", "platform": "Linux-6.1-x86_64", "cores": 2,
            "device": "cpu", "packages": {"jax": "0.10.1", "tensorflow-datasets": None},
        },
        "config": {"source": "digits", "per_class": 20, "gan": {"network": "dcgan", "width": 32}},
        "command": "ganjax study digits --out runs/digits",
    }  # fmt: skip


def make_calibration(replicates=5, arms=ARMS):
    """Return what a study tells of its arms' confidence: too much of it, mended by a half."""
    sure = (np.arange(15) + 0.5) / 15

    def errors(gap):
        return {
            "error": [gap + 0.01 * i for i in range(replicates)],
            "mean": gap + 0.005 * (replicates - 1),
            "reliability": {
                "confidence": [None, *sure[1:].tolist()],
                "accuracy": [None, *np.maximum(sure[1:] - gap, 0).tolist()],
                "counts": [0, 3, *range(20, 33)],
            },
        }

    return {
        arm: {"temperature": [1.5 + 0.1 * i for i in range(replicates)],
              "before": errors(0.08), "after": errors(0.04)}
        for arm in arms
    }  # fmt: skip


def with_joint(results, weights=(0.0, 0.5, 1.0), arms=JOINT):
    """Return results with arms that were trained together with a GAN, one training per weight.

    Of k replicates, number i has an accuracy of 0.6, 0.9, 0.8 + i / 100 for weights below, at and
    above 1/2, and a distance that grows from 4 by 4 per weight; 1/2 has the largest probability.
    """
    replicates = results["replicates"]
    update, looks = list(range(10, 401, 10)), list(range(20, 401, 20))
    accuracy = {w: 0.6 if w < 0.5 else 0.9 if w == 0.5 else 0.8 for w in weights}

    def told(i, weight):
        return {
            "weight": weight, "update": 400 - 20 * i, "generator_update": 380,
            "accuracy": accuracy[weight] + i / 100, "probability": 0.9 - abs(weight - 0.5),
            "distance": 4 * (1 + weights.index(weight)) + i / 10 if len(weights) > 1 else None,
        }  # fmt: skip

    def history(arm):
        players = ("generator",) if arm == "three-player" else ("discriminator", "generator")
        found = {"update": update, "classifier_loss": np.exp(-np.array(update) / 99).tolist()}
        for player in players:
            found |= {
                f"{player}_adversarial": [0.5 + 0.001 * u for u in update],
                f"{player}_classification": [2.0 - 0.001 * u for u in update],
                f"{player}_cosine": [-0.1] * len(update),
            }
        # Every second update of a discriminator, three of four of a generator
        found["discriminator_conflicts"] = [u // 2 if len(players) > 1 else 0 for u in update]
        found["generator_conflicts"] = [3 * u // 4 for u in update]
        return found

    def signs(i):
        part = np.array(looks) / looks[-1]
        return {
            "update": looks, "accuracy": (0.3 + 0.6 * part + i / 100).tolist(),
            "distance": (20 - 15 * part + i).tolist(), "probability": part.tolist(),
        }  # fmt: skip

    found = copy.deepcopy(results)
    found["counts"]["unlabelled"] = 1234
    found["joint"] = {}
    for arm in arms:
        tried = [[told(i, weight) for weight in weights] for i in range(replicates)]
        found["joint"][arm] = {
            "updates": 400, "in_words": f"objective {arm}", "config": {"generated": 0.5},
            "tried": tried, "history": [history(arm) for _ in range(replicates)],
            "signs": [signs(i) for i in range(replicates)],
            "parameters": {"generator": 131_329, "discriminator": 98_113},
        }  # fmt: skip
        best = 0.5 if 0.5 in weights else weights[0]
        found["arms"][arm] = copy.deepcopy(found["arms"]["both"]) | {
            "chosen": [
                {"weight": best, "update": 400, "validation_accuracy": 0.9}
                for _ in range(replicates)
            ]
        }
        found["comparisons"] += [
            {**row, "arm": arm, "baseline": baseline, "decisive": False, "p_value_holm": 0.5}
            for baseline in ("classical", "both")
            for row in results["comparisons"]
            if row["arm"] == "both" and row["baseline"] == "classical"
        ]
    found["calibration"] |= make_calibration(replicates, arms)
    return found


def make_samples(select="none", *, classes=10, replicates=5):
    """Return what a study tells of its samples: nothing was dropped but a few called copies."""
    filters = [("none", None), ("agreement", None), ("agreement", 0.5), ("discriminator", 0.5)]
    by, fraction = {"validation": ("agreement", 0.5), "none": ("none", None)}.get(
        select, (select, 0.5)
    )
    selection = {
        "by": by,
        "keep_fraction": fraction,
        "notes": [],
        "scores": [
            {"by": name, "keep_fraction": part, "score": None if i == 1 else 0.2345 + 0.1 * i}
            for i, (name, part) in enumerate(filters)
        ]
        if select == "validation"
        else [],
        "kept": [500] * classes,
        "copies_dropped": [4] + [0] * (classes - 1),
        "unselected_dropped": [0 if by == "none" else 700] * classes,
    }
    audit = {
        "looked_at": 1000,
        "called_copies": 12,
        "mirrored": 3,
        "share": 0.002,
        "holds_copies": False,
        "p_value": 0.4,
        "smallest_share": 0.022,
        "threshold": 0.4,
        "false_alarms": 0.01,
        "training_images": 150,
        "compared_with": 150,
        "held_out": 50,
        "left_out": 150,
        "copying": -0.4,
        "copying_z": -0.4,
        "authenticity": 0.5,
        "authenticity_of_held_out": 0.5,
    }
    unseen = dict.fromkeys(("real", "share", "low", "high", "confirmed_low", "confirmed_high"))
    transforms = [
        _leak("brightness up to +-0.25", 0.02, 0.0, 0.05, "does not leak"),
        {
            "transform": "saturation up to +-50%",
            "seen": False,
            **unseen,
            "verdict": "cannot be seen",
        },
        _leak("translate up to 0.0625 of the size", 0.11, 0.01, 0.24, "cannot tell"),
    ]
    only_first = {"not_looked_for": "only the first replicate's samples are looked into"}
    return {
        "select": select,
        "replicates": [
            {"selection": dict(selection), "copies": dict(audit),
             "leaks": only_first if i else
             {"held_out": 50, "looked_at": 1000, "transforms": transforms}}
            for i in range(replicates)
        ],
    }  # fmt: skip


def _leak(transform, share, low, high, verdict):
    return {
        "transform": transform, "seen": True, "real": 0.03, "share": share, "low": low,
        "high": high, "confirmed_low": 0.0, "confirmed_high": 0.1, "verdict": verdict,
    }  # fmt: skip


def make_dropped(*, classes=10, size=8, channels=1):
    """Return pictures of dropped samples: some not selected of every class, two copies of one."""
    rng = np.random.default_rng(1)
    labels = np.append(np.arange(classes).repeat(3), [0, 0]).astype(np.int32)
    images = rng.integers(0, 256, (len(labels), size, size, channels), np.uint8)
    return {
        "dropped": images, "dropped_labels": labels,
        "dropped_copies": np.arange(len(labels)) >= 3 * classes, "nearest": images[-2:] // 2,
    }  # fmt: skip


def make_pictures(*, classes=10, count=8, size=8, channels=1):
    """Return real digits, and the same blurred and disturbed in place of generated ones."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(0)
    rows = []
    for label in range(classes):
        own = digits.images[digits.target == label % 10]
        rows.append(own[rng.choice(len(own), count)] * (255 / 16))
    real = np.stack(rows)
    blurred = (real + np.roll(real, 1, -1) * 0.6 + np.roll(real, 1, -2) * 0.3) / 1.5
    fake = np.clip(blurred + rng.normal(0, 14, real.shape), 0, 255)
    grow = size // 8
    return {
        kind: np.repeat(
            images.repeat(grow, -1).repeat(grow, -2)[..., None], channels, -1
        ).astype(np.uint8)
        for kind, images in (("real", real), ("generated", fake))
    }  # fmt: skip


@pytest.fixture(name="make_results", scope="session")
def make_results_fixture():
    return make_results


@pytest.fixture(name="with_joint", scope="session")
def with_joint_fixture():
    return with_joint


@pytest.fixture(name="make_samples", scope="session")
def make_samples_fixture():
    return make_samples


@pytest.fixture(name="make_dropped", scope="session")
def make_dropped_fixture():
    return make_dropped


@pytest.fixture(name="make_pictures", scope="session")
def make_pictures_fixture():
    return make_pictures


def _arm(rng, arm, centre, classes, replicates):
    by_class = np.clip(
        rng.normal(centre, 0.05, classes) + rng.normal(0, 0.02, (replicates, classes)), 0, 1
    )
    counts = np.zeros((classes, classes))
    for label, right in enumerate(by_class.mean(0)):
        if classes > 1:
            others = np.delete(np.arange(classes), label)
            taken = rng.choice(
                others, round((1 - right) * 72 * replicates), p=_peaked(rng, classes - 1)
            )
            np.add.at(counts[label], taken, 1)
        counts[label, label] = round(right * 72 * replicates)
    mixes = {"real": [(0, 0)], "classical": [(0, 0.5), (0, 1.0)], "generated": [(0.25, 0), (0, 0)],
             "both": [(0.25, 0.5), (0.25, 0.5), (0.5, 1.0)]}[arm]  # fmt: skip
    accuracy = by_class.mean(1)
    mean = float(accuracy.mean())
    return {
        "test_accuracy": accuracy.tolist(), "balanced_accuracy": (accuracy - 0.002).tolist(),
        "class_accuracy": by_class.tolist(), "confusion": counts.tolist(),
        "accuracy": {"mean": mean, "low": mean - 0.021, "high": mean + 0.021, "level": 0.95},
        "updates": 1500, "examples": 96_000,
        "chosen": [
            {"ratio": ratio, "strength": strength, "update": int(150 * rng.integers(4, 11)),
             "validation_accuracy": centre + 0.02 * rng.random()}
            for ratio, strength in (mixes[i % len(mixes)] for i in range(replicates))
        ],
    }  # fmt: skip


def _peaked(rng, count):
    weights = rng.random(count) ** 6 + 1e-6
    return weights / weights.sum()


def _comparisons(rng, centres, decisive):
    pairs = [("both", "classical"), ("classical", "real"), ("generated", "real"), ("both", "real"),
             ("generated", "classical"), ("both", "generated")]  # fmt: skip
    rows = []
    for metric in ("test_accuracy", "balanced_accuracy"):
        for arm, baseline in pairs:
            counts = (arm, baseline, metric) == ("both", "classical", "test_accuracy")
            middle = centres[arm] - centres[baseline] + rng.normal(0, 0.001)
            width = 0.012 + 0.008 * rng.random()
            difference, low, high = decisive if counts else (middle, middle - width, middle + width)
            rows.append({
                "arm": arm, "baseline": baseline, "metric": metric, "difference": difference,
                "low": low, "high": high, "level": 0.95, "decisive": counts,
            })  # fmt: skip
            if not counts:
                rows[-1]["p_value_holm"] = float(min(1.0, 0.01 / abs(difference) ** 0.5 * 0.4))
    return rows


def _validation(rng, replicates):
    ratios, strengths = [0.0, 0.25, 0.5], [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    accuracy = 0.9 + 0.03 * rng.random((replicates, 3, 6))
    table = [
        [
            [float(x) if i == 0 or j in (0, 2, 4) else None for j, x in enumerate(row)]
            for i, row in enumerate(replicate)
        ]
        for replicate in accuracy
    ]
    return {"ratios": ratios, "strengths": strengths, "accuracy": table}


def _gan_history(rng):
    update = np.arange(50, 3001, 50)
    drift = np.cumsum(rng.normal(0, 0.015, update.size))
    ease = np.exp(-update / 400)
    return {
        "update": update.tolist(),
        "discriminator_loss": (1.22 + 0.3 * ease - 0.3 * drift + rng.normal(0, 0.02, 60)).tolist(),
        "generator_loss": (0.95 - 0.3 * ease + drift + rng.normal(0, 0.02, 60)).tolist(),
        "real_logits": (0.45 * (1 - ease) + drift + rng.normal(0, 0.03, 60)).tolist(),
        "fake_logits": (-0.4 * (1 - ease) - drift + rng.normal(0, 0.03, 60)).tolist(),
    }


def _curve(rng, centre):
    steps = np.arange(1, 11)
    values = centre - 0.25 * np.exp(-steps / 1.5) + rng.normal(0, 0.008, 10)
    return (np.round(values * 50) / 50).tolist()
