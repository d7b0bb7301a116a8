"""The main job, from a source to a verdict: everything between the command line and the parts."""

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ganjax import environment, recipe
from ganjax.config import StudyConfig, claim_folder, to_json
from ganjax.data import loader, sources, splits
from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.errors import UserError
from ganjax.ops import policy
from ganjax.progress import Progress, Silent
from ganjax.study import arms, results
from ganjax.study.competition import competition
from ganjax.study.replicate import Contest, Record, run
from ganjax.synthesis import trained


@dataclass(frozen=True)
class Prepared:
    """A study's images, split, at the size that the networks work on.

    Attributes:
      pool: what draws are taken from.
      sealed: the test set.
      draws: one small training set per replicate.
    """

    pool: sources.Dataset
    sealed: splits.SealedTest
    draws: list[splits.Draw]


def prepare(config: StudyConfig, out: Path, progress: Progress) -> Prepared:
    """Load a source, seal its test part, and draw a small training set for each replicate."""
    with progress.stage("read the images", 0, "images") as tick:
        source = sources.load(
            config.source, data_dir=config.data_dir, tell=lambda done, total: tick(done)
        )
    source = loader.at_network_size(source)
    pool, sealed = splits.part(
        source,
        test_fraction=config.test_fraction,
        seed=config.seed,
        ledger=out / "sealed_test.json",
    )
    draws = [
        splits.draw(
            pool,
            per_class=config.per_class,
            replicate=replicate,
            replicates=config.replicates,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
        )
        for replicate in range(config.replicates)
    ]
    return Prepared(pool, sealed, draws)


def study(
    config: StudyConfig,
    out: Path,
    *,
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Answer whether generated images help a classifier trained on a small labelled set.

    Writes `results.json`, `pictures.npz` and, for each replicate, its record, its GAN and its
    checkpoints into `out`. Called again with the same configuration it goes on where it stopped;
    what is finished is not computed again.

    Args:
      config: all that decides the outcome.
      out: the study's folder.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Returns:
      The results, as in `results.json`.

    Raises:
      UserError: a source, a size or a folder that cannot be used.
    """
    progress = progress or Silent()
    finished = _begin(config, out)
    if finished is not None:
        progress.say(f"{out} holds this study, finished: nothing to compute.")
        return finished
    start = perf_counter()
    prepared = prepare(config, out, progress)
    write_json_atomically(out / "config.json", to_json(config))
    seconds = {"data": round(perf_counter() - start, 3)}

    contest = assemble(config, prepared)
    progress.say(f"T(x) in the discriminator: {_discriminator_policy(config)}")
    progress.say(
        f"classical policy: {policy.describe(recipe.classifier_policy(config.classifier))}"
    )
    records = []
    for replicate, draw in enumerate(prepared.draws):
        folder = out / "replicates" / str(replicate)
        folder.mkdir(parents=True, exist_ok=True)
        progress.say(f"replicate {replicate + 1} of {config.replicates}")
        record = Record.load(folder) or run(
            contest, draw, prepared.sealed, replicate, folder, progress
        )
        records.append(record)
    for part in ("gan", "classifiers", "test"):
        seconds[part] = round(sum(record.seconds[part] for record in records), 3)
    seconds["total"] = round(sum(seconds.values()), 3)

    found = summarise(config, prepared, contest, records, seconds, command)
    write_arrays_atomically(
        out / "pictures.npz", real=records[0].real, generated=records[0].generated
    )
    write_json_atomically(out / "results.json", found)
    return found


def assemble(config: StudyConfig, prepared: Prepared) -> Contest:
    """Compile what all replicates share."""
    fit = prepared.draws[0].fit
    _, size, _, channels = fit.images.shape
    classes = len(fit.class_names)
    c = config.classifier
    candidates, own = arms.line_up(c.ratios, c.strengths)
    description = trained.describe(config.gan, fit)
    return Contest(
        config=config,
        candidates=candidates,
        arms=own,
        description=description,
        competition=competition(
            recipe.classifier(c, size=size, channels=channels, classes=classes),
            candidates=len(candidates),
            seeds=c.seeds,
            batch_size=c.batch_size,
        ),
    )


def summarise(
    config: StudyConfig,
    prepared: Prepared,
    contest: Contest,
    records: list[Record],
    seconds: dict[str, float],
    command: str,
) -> dict[str, Any]:
    """Put together `results.json`; its fields are documented in the README."""
    c, fit = config.classifier, prepared.draws[0].fit
    classes = len(fit.class_names)
    ratios, strengths = sorted(set(c.ratios)), sorted({s for _, s in contest.candidates})
    first = records[0]
    return {
        "schema": results.SCHEMA,
        "source": config.source,
        "per_class": config.per_class,
        "seed": config.seed,
        "replicates": config.replicates,
        "classes": list(fit.class_names),
        "counts": {
            "pool": len(prepared.pool),
            "test": len(prepared.sealed),
            "fit_per_class": len(fit) // classes,
            "validation_per_class": len(prepared.draws[0].validation) // classes,
        },
        "image": dict(zip(("height", "width", "channels"), fit.images.shape[1:], strict=True)),
        "arms": {
            arm: results.arm_results(
                arm,
                records,
                contest.candidates,
                classes,
                updates=c.updates,
                batch_size=c.batch_size,
            )
            for arm in contest.arms
        },
        "comparisons": results.comparisons(records),
        "verdict": results.verdict(records, contest.candidates, config.smallest_gain),
        "validation": {
            "ratios": ratios,
            "strengths": strengths,
            "accuracy": [
                _table(record.validation, contest.candidates, ratios, strengths)
                for record in records
            ],
        },
        "gan": {
            "history": [record.history for record in records],
            "updates": config.gan.updates,
            "parameters": {
                name: first.parameters[name] for name in ("generator", "discriminator")
            },
        },
        "classifier": {
            "history": {
                "update": first.curves["update"],
                "arms": {
                    arm: [row[entry.candidate] for row in first.curves["accuracy"]]
                    for arm, entry in first.entries.items()
                },
            },
            "parameters": first.parameters["classifier"],
            "seeds": c.seeds,
        },
        "policy": {
            "discriminator": _discriminator_policy(config),
            "classical": policy.describe(recipe.classifier_policy(c)),
        },
        "seconds": seconds,
        "environment": {
            **environment.describe(), "peak_memory_gb": round(environment.peak_memory_gb(), 2)
        },
        "config": to_json(config),
        "command": command,
    }  # fmt: skip


def dry_run(config: StudyConfig, out: Path, progress: Progress) -> list[str]:
    """Say what a study would do, without training anything: lines to print."""
    import jax

    claim_folder(out, config)
    prepared = prepare(config, out, progress)
    fit = prepared.draws[0].fit
    contest = assemble(config, prepared)
    gan = jax.eval_shape(contest.description.build().init, jax.random.key(0))
    entrants = jax.eval_shape(contest.competition.init, jax.random.key(0))
    c = config.classifier
    classifiers = len(contest.candidates) * c.seeds
    counts = {
        "generator": trained.parameter_count(gan.generator),
        "discriminator": trained.parameter_count(gan.discriminator),
        "classifier": trained.parameter_count(entrants.state.variables) // classifiers,
    }
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((gan, entrants)))
    held += prepared.pool.images.nbytes + config.pool * fit.images[0].nbytes
    lines = [
        f"images: {len(prepared.pool)} to draw from, {len(prepared.sealed)} sealed for the test, "
        f"{'x'.join(map(str, fit.images.shape[1:]))}, {len(fit.class_names)} classes",
        f"each replicate: {len(fit)} images to train on, {len(prepared.draws[0].validation)} "
        "to choose by",
        "parameters: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()),
        f"updates: {config.replicates} GANs x {config.gan.updates:,}; "
        f"{config.replicates} x {classifiers} classifiers x {c.updates:,}",
        f"T(x) in the discriminator: {_discriminator_policy(config)}",
        f"classical policy: {policy.describe(recipe.classifier_policy(c))}",
        f"memory for states and images: about {max(held / 1e9, 0.01):.2f} GB, "
        "activations and compilation apart",
    ]
    return [*lines, json.dumps(to_json(config), indent=2)]


def _begin(config: StudyConfig, out: Path) -> dict[str, Any] | None:
    """Claim the folder; return the results if the same study is finished there."""
    found = claim_folder(out, config)
    if found is None or not (out / "results.json").exists():
        return None
    finished = json.loads((out / "results.json").read_text())
    if finished.get("schema") != results.SCHEMA:
        raise UserError(
            f"{out}/results.json has schema {finished.get('schema')}, this version writes "
            f"{results.SCHEMA}: give a new folder"
        )
    return finished


def _discriminator_policy(config: StudyConfig) -> str:
    return policy.describe(recipe.POLICIES[config.gan.augment], config.gan.augment_strength)


def _table(
    values: list[float],
    candidates: tuple[arms.Candidate, ...],
    ratios: list[float],
    strengths: list[float],
) -> list[list[float | None]]:
    """Arrange a number per candidate by ratio and strength; None where none was tried."""
    found = dict(zip(candidates, values, strict=True))
    return [[found.get(arms.Candidate(r, s)) for s in strengths] for r in ratios]
