"""The main job, from a source to a verdict: everything between the command line and the parts."""

import json
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import jax

from ganjax import recipe
from ganjax.config import COMMAND, StudyConfig, Upkeep, claim_folder, to_json
from ganjax.data.atomic import (
    write_arrays_atomically,
    write_bytes_atomically,
    write_json_atomically,
)
from ganjax.data.dataset import Source
from ganjax.data.lock import hold
from ganjax.errors import UserError
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.study import arms, results
from ganjax.study.competition import competition
from ganjax.study.joint_arms import describe_arm, joint_arms
from ganjax.study.judging import choose_for_all, clear, judge, refuse_earlier
from ganjax.study.prepare import Prepared, prepare
from ganjax.study.record import Record
from ganjax.study.replicate import Contest, Replicate
from ganjax.study.rounds import learnt_of, train_all, train_all_controls
from ganjax.study.summary import gan_in_words, policies, summarise
from ganjax.synthesis import description
from ganjax.training.side_by_side import at_once, group


def study(
    config: StudyConfig,
    out: Path,
    *,
    images: Source | None = None,
    side_by_side: int | None = None,
    upkeep: Upkeep = Upkeep(),
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Answer whether generated images help a classifier trained on a small labelled set.

    Writes `results.json`, `pictures.npz` and, for each replicate, its record and its GAN into
    `out`. All replicates are trained before anything is chosen, and the sealed test set is opened
    when all is chosen. Called again with the same configuration it goes on where it stopped; what
    is finished is not computed again.

    Args:
      config: all that decides the outcome.
      out: the study's folder.
      images: the images themselves, of `ganjax.data.from_arrays` or `load`; by default those of
        `config.source`, which otherwise is but their name.
      side_by_side: how many replicates to run at a time; by default all of them on several devices
        or an accelerator, one after another on a single CPU. It decides the time that a study
        takes, not its outcome, and may be another when a study goes on.
      upkeep: how often checkpoints are written, and what is done about trouble.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Returns:
      The results, as in `results.json`.

    Raises:
      UserError: a source, a size or a folder that cannot be used, or more replicates side by side
        than the memory holds.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    if side_by_side is not None and side_by_side < 1:
        raise UserError(f"--side-by-side must be at least 1, not {side_by_side}")
    claim_folder(out, config)  # before a lock is left in a folder that is none of ours
    with hold(out, command=command):
        return _study(config, out, images, side_by_side, upkeep, command, progress)


def _study(
    config: StudyConfig,
    out: Path,
    images: Source | None,
    side_by_side: int | None,
    upkeep: Upkeep,
    command: str,
    progress: Progress,
) -> dict[str, Any]:
    finished = _begin(config, out)
    if finished is not None:
        progress.say(f"{out} holds this study, finished: nothing to compute.")
        return finished
    start = perf_counter()
    prepared = prepare(config, images, out, upkeep.cache, progress)
    write_json_atomically(out / "config.json", to_json(config))
    if command:
        write_bytes_atomically(out / COMMAND, f"{command}\n".encode())
    seconds = {"data": round(perf_counter() - start, 3)}

    contest = assemble(config, prepared)
    progress.say(f"the GANs: {gan_in_words(prepared, contest)}")
    discriminator, classical = policies(contest)
    progress.say(f"T(x) in the discriminator: {discriminator}")
    progress.say(f"classical policy: {classical}")
    for own in contest.joint.values():
        progress.say(own["in_words"])
    records = _records(contest, prepared, out, side_by_side, upkeep, progress)
    for part in ("gan", "inspection", "classifiers", "joint", "test"):
        seconds[part] = round(sum(record.seconds.get(part, 0.0) for record in records), 3)
    seconds["total"] = round(sum(seconds.values()), 3)

    found = summarise(prepared, contest, records, seconds, command)
    write_arrays_atomically(out / "pictures.npz", **records[0].pictures())
    write_json_atomically(out / "results.json", found)
    return found


def _records(
    contest: Contest,
    prepared: Prepared,
    out: Path,
    size: int | None,
    upkeep: Upkeep,
    progress: Progress,
) -> list[Record]:
    """Train the replicates that are not, choose for all, judge each; return their records."""
    replicates = [
        Replicate(number, draw, out / "replicates" / str(number))
        for number, draw in enumerate(prepared.draws)
    ]
    there = [found for own in replicates if (found := learnt_of(own))]
    refuse_earlier(contest, replicates, there)
    records = [found for own in replicates if (found := Record.load(own.folder))]
    if len(records) < len(replicates):
        shared = out / "training"
        learnt = train_all(contest, replicates, shared, size, upkeep, progress)
        choices = choose_for_all(contest, learnt)
        progress.say(choices.in_words(contest))
        if contest.control is not None:
            train_all_controls(contest, choices, replicates, shared, size, upkeep, progress)
        judged = partial(judge, contest, choices=choices, sealed=prepared.sealed)
        with progress.stage("judge on the test images", len(replicates), "replicates") as tick:
            records = []
            for replicate, left in zip(replicates, learnt, strict=True):
                records.append(left if isinstance(left, Record) else judged(replicate, left))
                tick(len(records))
    for own in replicates:
        clear(own)
    return records


def assemble(config: StudyConfig, prepared: Prepared) -> Contest:
    """Compile what all replicates share."""
    fit = prepared.draws[0].fit
    _, size, _, channels = fit.images.shape
    classes = len(fit.class_names)
    c = config.classifier
    candidates, own = arms.line_up(c.ratios, c.strengths, unbalanced=config.imbalance > 1)
    own |= arms.rivals(candidates, own[arms.WITHOUT])
    if c.learning_curve:
        candidates, curve = arms.learning_curve(candidates, c.strengths)
        own |= curve
    competition_of = partial(
        competition,
        recipe.classifier(c, size=size, channels=channels, classes=classes),
        seeds=c.seeds,
        batch_size=c.batch_size,
        ema_decay=c.ema_decay,
    )
    return Contest(
        config=config,
        candidates=candidates,
        arms=own,
        description=description.describe(config.gan, fit),
        joint={
            name: _joint_in_json(describe_arm(config, name, prepared.draws[0]))
            for name in joint_arms(config)
        },
        competition=competition_of(candidates=len(candidates)),
        control=competition_of(candidates=1) if c.control else None,
    )


def _joint_in_json(described: description.Description) -> dict[str, Any]:
    """Tell how an arm's classifier and its GAN are trained together."""
    joint = described.joint
    assert joint is not None
    return {
        "updates": described.updates,
        "config": to_json(joint),
        "gan": to_json(described.config),
        "in_words": joint.in_words(described.objective),
    }


def dry_run(
    config: StudyConfig, out: Path, progress: Progress, *, side_by_side: int | None = None
) -> list[str]:
    """Say what a study would do, without training anything: lines to print."""
    claim_folder(out, config)
    prepared = prepare(config, None, None, True, progress)
    fit = prepared.draws[0].fit
    contest = assemble(config, prepared)
    gan = jax.eval_shape(contest.description.build().init, jax.random.key(0))
    entrants = jax.eval_shape(contest.competition.init, jax.random.key(0))
    c = config.classifier
    discriminator, classical = policies(contest)
    classifiers = len(contest.candidates) * c.seeds
    counts = {
        "generator": parameter_count(gan.generator),
        "discriminator": parameter_count(gan.discriminator),
        "classifier": parameter_count(entrants.state.variables) // classifiers,
    }
    trained = classifiers + (c.seeds if contest.control else 0)
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((gan, entrants)))
    size = min(side_by_side or at_once(config.replicates), config.replicates)
    held = size * (held + config.pool * fit.images[0].nbytes) + prepared.pool.images.nbytes
    hidden = prepared.draws[0].unlabelled
    held += 0 if hidden is None else (config.replicates + size) * hidden.images.nbytes
    lines = [
        f"images: {len(prepared.pool)} to draw from, {len(prepared.sealed)} sealed for the test, "
        f"{'x'.join(map(str, fit.images.shape[1:]))}, {len(fit.class_names)} classes",
        f"each replicate: {len(fit)} images to train on, {len(prepared.draws[0].validation)} "
        f"to choose by{'' if hidden is None else f', {len(hidden):,} without labels'}",
        "parameters: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()),
        f"the GANs: {gan_in_words(prepared, contest)}",
        f"updates: {config.replicates} GANs x {contest.description.updates:,}; "
        f"{config.replicates} x {trained} classifiers x {c.updates:,}",
        f"replicates at a time: {size}, on {group(size).mesh.size} of {jax.device_count()} devices",
        f"T(x) in the discriminator: {discriminator}",
        f"classical policy: {classical}",
        *(f"{own['in_words']}, {own['updates']:,} updates" for own in contest.joint.values()),
        f"samples to learn from: {_selection(config)}",
        f"memory for states and images: about {max(held / 1e9, 0.01):.2f} GB, "
        "activations and compilation apart",
    ]
    return [*lines, json.dumps(to_json(config), indent=2)]


def _selection(config: StudyConfig) -> str:
    """Say which samples get into a pool."""
    if config.sham != "none":
        return f"none, a sham in their place: {config.sham}"
    if config.select == "none":
        return "all but copies of training images"
    part = "" if config.keep_fraction is None else f", {config.keep_fraction:.0%} of each class"
    return f"selected by {config.select}{part}, without copies of training images"


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
