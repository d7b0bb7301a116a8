"""`ganjax restore evaluate`: restorers on other images, always beside the originals.

OUT/results.json   what was found, with intervals over images
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax import recipe
from ganjax.config import degradation_in_words, parse_degradation
from ganjax.data.atomic import write_json_atomically
from ganjax.errors import UserError
from ganjax.metrics.image import psnr, ssim
from ganjax.progress import Progress, Silent
from ganjax.restoration.baselines import baselines_for, left_out
from ganjax.restoration.judging import Bench
from ganjax.restoration.originals import find_originals
from ganjax.restoration.results import Measured, Measures, name_of, summarise
from ganjax.restoration.shown import shown
from ganjax.restoration.trained import load, weights_in
from ganjax.restoration.views import View, view_of

POINTWISE = ("noise", "poisson", "salt-pepper")
"""Degradations of each pixel by itself, whatever lies around it."""


class Evaluated(NamedTuple):
    """What an evaluation found.

    Attributes:
      results: JSON values, as of `ganjax.restoration.results`.
      pictures: of images by kind what is shown of them.
    """

    results: dict[str, Any]
    pictures: dict[str, list[Any]]


def evaluate(
    run: Path,
    source: str,
    out: Path,
    *,
    degradation: str | None = None,
    split: str | None = None,
    images: int | None = None,
    classical: bool = True,
    data_dir: str | None = None,
    seed: int = 0,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluated:
    """Degrade originals, restore them by all of a run's restorers, and compare.

    Args:
      run: the --out of `ganjax restore train`.
      source: the originals; of those that were trained on, only the others count.
      out: folder for `results.json`, created when missing.
      degradation: by default what the run was trained to undo.
      split: only this split; by default "test" where the source has one.
      images: so many of them, drawn by the seed; by default all.
      classical: compare with classical methods too.
      data_dir: where prepared TFDS sets are.
      seed: of the degradation's random numbers.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Raises:
      UserError: the run has no restorer, or there is no image that can be used.
    """
    progress = progress or Silent()
    restorers = {name_of(weight): load(run, weight, say=progress.say) for weight in weights_in(run)}
    described = next(iter(restorers.values())).description
    specs = parse_degradation(degradation or described.degradation)
    found = find_originals(
        Path(run),
        source,
        described.channels,
        split=split,
        images=images,
        data_dir=data_dir,
        seed=seed,
        progress=progress,
    )
    degrade, key = recipe.degrade_by(specs), jax.random.key(seed)
    methods = []
    if classical:
        choosers = Bench(found.choosers, degrade, jax.random.fold_in(key, 1), {}, {})
        methods = baselines_for(specs, validation=_pairs(choosers))
    by_name = {own.name: own.restore for own in methods}
    pointwise = all(spec.name in POINTWISE for spec in specs)
    bench = Bench(found.images, degrade, key, restorers, by_name, pointwise)
    try:
        view = view_of(found, data_dir, progress)
    except UserError as error:  # images of another size than the classifier's, say
        reasons = (*found.notes, f"no classifier judges: {error}")
        found = replace(found, labels=None, classes_from=None, notes=reasons)
        view = view_of(found, data_dir, progress)
    measured = _measure(bench, view, found.labels, progress)
    told = {
        "source": source,
        "trained_on": described.source,
        "degradation": "+".join(map(str, specs)),
        "degradation_in_words": degradation_in_words(specs),
        "seed": seed,
        "command": command,
        "features": view.name,
        "settings": {own.name: own.settings for own in methods},
        "parameters": {name: own.parameters()["restorer"] for name, own in restorers.items()},
        "weights_sha256": {name: own.checksum() for name, own in restorers.items()},
    }
    weights = {name: own.description.weight for name, own in restorers.items()}
    extra = []
    if specs != parse_degradation(described.degradation):
        trained_for = degradation_in_words(parse_degradation(described.degradation))
        extra = [f"the restorers were trained to undo another degradation: {trained_for}"]
    notes = [*found.notes, *extra, *(left_out(specs) if classical else ())]
    told |= summarise(measured, found, weights, bench.seconds, notes)
    pictures = shown(bench, measured, list(restorers), found.files)
    write_json_atomically(out / "results.json", told)
    return Evaluated(told, pictures)


def _pairs(bench: Bench) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return degraded images, not clipped, and their originals."""
    found = [bench.versions(rows) for rows in bench.parts()]
    return [pair for own in found for pair in zip(own.degraded, own.originals, strict=True)]


def _measure(bench: Bench, view: View, labels: np.ndarray | None, progress: Progress) -> Measured:
    """Compare every version of every image with its original."""
    count = len(bench.images)
    found: dict[str, Measures] = {}
    clean = np.zeros(count, bool)
    with progress.stage("restore and compare", count, "images") as tick:
        done = 0
        for rows in bench.parts():
            own = bench.versions(rows)
            seen = view.see(own.originals)
            if labels is not None:
                clean[rows] = seen.predictions == labels[rows]
            for name, images in own.made.items():
                mine = found.setdefault(name, Measures.empty(count))
                mine.psnr[rows] = psnr(images, own.originals, bounded=True)
                mine.ssim[rows] = ssim(images, own.originals)
                looked = view.see(images)
                mine.distance[rows] = view.distance(images, own.originals, looked, seen)
                if labels is not None:
                    mine.right[rows] = looked.predictions == labels[rows]
            done += len(rows)
            tick(done)
    return Measured(found, clean if labels is not None else None)
