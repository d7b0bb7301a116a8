"""`results.json`, put together from the records of all replicates.

Its part `samples` tells what was done with generated images before classifiers saw them, and what
was found of them:

    select       what was asked for: "none", "agreement", "discriminator" or "validation"
    replicates   one entry each, of
      selection    by, keep_fraction: the filter that was used; scores: where validation chose it,
                   by, keep_fraction and score (the probability of the right class on validation;
                   null where it has none) of each filter; kept, copies_dropped,
                   unselected_dropped: samples of each class; notes: what could not be had, in words
      copies       what `ganjax.synthesis.audit.Audit` says of about 1000 samples as they came from
                   the generator; or not_audited: why
      leaks        held_out, looked_at: images; transforms: what `ganjax.synthesis.leak.Leak` says
                   of each; or not_looked_for: why

Its part `calibration` tells how far the confidence of each arm's classifiers can be trusted:

    ARM
      temperature  per replicate: what the logits of its seeds' mean probabilities are divided by,
                   chosen on validation
      before       without and with that division, on the test images: error, the expected
      after        calibration error per replicate (15 bins of equal width); mean, of these;
                   reliability, over all replicates by bins of confidence: confidence, accuracy
                   (null where a bin is empty), counts

Its part `joint`, null without such arms, tells of the classifiers trained together with a GAN:

    ARM
      updates, config, gan, in_words   how they were trained
      tried        per replicate, for each weight of classification: weight; update and
                   generator_update, what was kept; accuracy and probability on validation;
                   distance, Frechet's, of samples (null where one weight was tried)
      chosen       the weight, per replicate: one for all, but in records of earlier versions
      history      per replicate, of the training that was chosen: what its steps recorded
      signs        likewise its looks; their distance is the energy distance to validation images
      parameters   of its networks

Records of earlier versions have no entry, and an empty one, or null, stands for it.
"""

from typing import Any

from ganjax import environment, recipe
from ganjax.config import StudyConfig, to_json
from ganjax.data import quarantine
from ganjax.ops import policy
from ganjax.study import arms, results
from ganjax.study.minority import minority
from ganjax.study.prepare import Prepared
from ganjax.study.record import Record
from ganjax.study.replicate import Contest
from ganjax.study.worth import worth

SHAMS = {
    "copies": "A check of the study itself: what it calls generated are training images once more.",
    "noise": "A check of the study itself: what it calls generated is noise.",
}


def summarise(
    prepared: Prepared,
    contest: Contest,
    records: list[Record],
    seconds: dict[str, float],
    command: str,
) -> dict[str, Any]:
    """Put together `results.json`; its fields are documented in the README."""
    config = contest.config
    verdict = results.verdict(records, config.smallest_gain, config.seed)
    gain_is_worth = worth(
        records, fit_per_class=len(prepared.draws[0].fit) / len(prepared.pool.class_names)
    )
    if config.sham != "none":
        verdict["details"].insert(0, SHAMS[config.sham])
    if gain_is_worth:
        verdict["details"].append(gain_is_worth["text"])
    fit = prepared.draws[0].fit
    of_few = minority(records, fit.counts().tolist(), fit.class_names)
    if of_few:
        verdict["details"].append(of_few["text"])
    verdict["details"] += results.joint_in_words(records)
    return {
        "schema": results.SCHEMA,
        **_question(config, prepared),
        "arms": _arms(contest, records, len(prepared.pool.class_names)),
        "comparisons": results.comparisons(records),
        "calibration": results.calibration((*arms.ARMS, *records[0].joint), records),
        "verdict": verdict,
        "worth": gain_is_worth,
        "minority": of_few,
        "validation": _validation(contest, records),
        "gan": {
            "history": [record.history for record in records],
            "signs": [record.signs for record in records],
            "kept": [record.kept for record in records],
            "updates": contest.description.updates,
            "config": to_json(contest.description.config),
            "in_words": gan_in_words(prepared, contest),
            "parameters": {
                name: records[0].parameters[name] for name in ("generator", "discriminator")
            },
        },
        "classifier": _classifier(config, records[0]),
        "joint": _joint(contest, records),
        "samples": {
            "select": config.select,
            "replicates": [record.inspection for record in records],
        },
        "policy": {
            "discriminator": policies(contest)[0],
            "classical": policies(contest)[1],
        },
        "seconds": seconds,
        "environment": {
            **environment.describe(), "peak_memory_gb": round(environment.peak_memory_gb(), 2)
        },
        "config": to_json(config),
        "command": command,
    }  # fmt: skip


def gan_in_words(prepared: Prepared, contest: Contest) -> str:
    """Say how the GANs are trained, and why so."""
    fit = prepared.draws[0].fit
    return contest.description.config.in_words(len(fit) / len(fit.class_names))


def policies(contest: Contest) -> tuple[str, str]:
    """Say in words what T(x) is in the discriminator, and what the classical policy is."""
    return (
        recipe.policy_in_words(contest.description.config),
        policy.describe(recipe.classifier_policy(contest.config.classifier)),
    )


def _question(config: StudyConfig, prepared: Prepared) -> dict[str, Any]:
    """Name what was studied."""
    fit, validation = prepared.draws[0]
    unlabelled = prepared.draws[0].unlabelled
    classes = len(fit.class_names)
    return {
        "source": config.source,
        "per_class": config.per_class,
        "seed": config.seed,
        "replicates": config.replicates,
        "classes": list(fit.class_names),
        "counts": {
            "pool": len(prepared.pool),
            "test": len(prepared.sealed),
            "fit_per_class": len(fit) // classes,
            "validation_per_class": len(validation) // classes,
            "fit": fit.counts().tolist(),
            "validation": validation.counts().tolist(),
            "unlabelled": 0 if unlabelled is None else len(unlabelled),
        },
        "reading": {
            "notes": list(prepared.notes),
            "left_out": quarantine.to_json(prepared.bad),
        },
        "image": dict(zip(("height", "width", "channels"), fit.images.shape[1:], strict=True)),
    }


def _arms(contest: Contest, records: list[Record], classes: int) -> dict[str, Any]:
    c = contest.config.classifier
    steps = dict.fromkeys(arms.ARMS, (c.updates, c.batch_size))
    steps |= {arm: (own["updates"], own["gan"]["batch_size"]) for arm, own in contest.joint.items()}
    return {
        arm: results.arm_results(
            arm, records, contest.candidates, classes, updates=updates, batch_size=batch_size
        )
        for arm, (updates, batch_size) in steps.items()
    }


def _joint(contest: Contest, records: list[Record]) -> dict[str, Any] | None:
    """Tell how the classifiers of joint trainings, and their generators, learned."""
    if not records[0].joint:
        return None
    return {
        arm: {
            **contest.joint[arm],
            "tried": [record.joint[arm]["tried"] for record in records],
            "chosen": [record.joint[arm]["kept"]["weight"] for record in records],
            "history": [record.joint[arm]["history"] for record in records],
            "signs": [record.joint[arm]["signs"] for record in records],
            "parameters": records[0].joint[arm]["parameters"],
        }
        for arm in records[0].joint
    }


def _validation(contest: Contest, records: list[Record]) -> dict[str, Any]:
    """Arrange what every candidate came to by replicate, ratio and strength."""
    ratios = sorted({candidate.ratio for candidate in contest.candidates})
    strengths = sorted({candidate.strength for candidate in contest.candidates})

    def tables(values: list[list[float]]) -> list[list[list[float | None]]]:
        return [_table(own, contest.candidates, ratios, strengths) for own in values if own]

    return {
        "ratios": ratios,
        "strengths": strengths,
        "accuracy": tables([record.validation for record in records]),
        "probability": tables([record.probability for record in records]),
    }


def _classifier(config: StudyConfig, first: Record) -> dict[str, Any]:
    """Tell how the first replicate's classifiers learned."""
    return {
        "history": {
            "update": first.curves["update"],
            "arms": {
                arm: [row[entry.candidate] for row in first.curves["accuracy"]]
                for arm, entry in first.entries.items()
                if arm in arms.ARMS
            },
        },
        "parameters": first.parameters["classifier"],
        "seeds": config.classifier.seeds,
    }


def _table(
    values: list[float],
    candidates: tuple[arms.Candidate, ...],
    ratios: list[float],
    strengths: list[float],
) -> list[list[float | None]]:
    """Arrange a number per candidate by ratio and strength; None where none was tried.

    Where classes are drawn equally often, the one candidate that does not so is left out.
    """
    found = {
        (c.ratio, c.strength): value
        for c, value in zip(candidates, values, strict=True)
        if c.part == 1
    }
    return [[found.get((r, s)) for s in strengths] for r in ratios]
