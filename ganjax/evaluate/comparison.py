"""Two labelled sets compared: figures with their floors, copies, the classification score."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ganjax.config.checks import check_seed
from ganjax.data.arrays import from_arrays
from ganjax.data.dataset import Dataset
from ganjax.data.hashes import pixel_hashes
from ganjax.data.loader import at_network_size, pad_to_power_of_two
from ganjax.data.pixels import in_layout
from ganjax.data.sealed import SealedTest
from ganjax.errors import UserError, quoted
from ganjax.evaluate import cas as scores
from ganjax.evaluate import draws, figures
from ganjax.evaluate.cas import CAS
from ganjax.evaluate.features import Features, of_function, train_features
from ganjax.evaluate.figures import Labelled
from ganjax.evaluate.learning import Learning
from ganjax.evaluate.sealing import Real, leave_out, real_side, seal
from ganjax.metrics import accuracy
from ganjax.progress import Progress, Silent


def compare(
    images: np.ndarray,
    labels: Sequence[Any] | np.ndarray,
    real_images: np.ndarray,
    real_labels: Sequence[Any] | np.ndarray,
    *,
    test: tuple[np.ndarray, Sequence[Any] | np.ndarray] | None = None,
    trained_on: np.ndarray | None = None,
    features: Features | Callable[[np.ndarray], Any] | None = None,
    test_fraction: float = 0.4,
    seed: int = 0,
    seeds: int = 3,
    cas: Learning | None = CAS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge labelled images by real ones: every metric on named features, and the CAS.

    Real images that may be trained on train the feature network and the classifiers of the real
    side; those of the test are looked at once, for the figures. The same arguments give the same
    result.

    Args:
      images: to judge, uint8 `[n, height, width, channels]` or what `ganjax.data.from_arrays`
        takes; `channels` is 1 or 3, sides at most 128.
      labels: their classes, `[n]`, numbers or names.
      real_images: real ones of the same size, likewise.
      real_labels: their classes; the same ones.
      test: real images and labels that nobody trained on; by default a part of each class of the
        real images is sealed.
      trained_on: the images that a generator was trained on, to look for copies of; by default the
        real images that may be trained on.
      features: uint8 images padded to the next power of two, `[n, size, size, channels]`, to
        numbers `[n, d]`; by default a classifier trained on the real images.
      test_fraction: of each class, where no test is given.
      seed: of every draw of images.
      seeds: classifiers per side for the CAS, at least 2; 3 or more are advised.
      cas: how they are trained; None to leave the CAS out.
      progress: where to tell how far it is.

    Returns:
      JSON values: "figures", each with its "value" and the "floor" that a second set of real images
      gets; "figures_by_class", likewise; "cas", of `ganjax.evaluate.cas.score`; "features",
      "counts", "notes".

    Raises:
      UserError: too few images, other classes or another size.

    References:
      Each figure's is named where it is computed, in `ganjax.metrics`; CAS: arXiv 1905.10887.

    Example:
      >>> from sklearn.datasets import load_digits
      >>> scans = load_digits()
      >>> images = (scans.images * 15.9).astype("uint8")[..., None]
      >>> found = compare(
      ...     images[:500], scans.target[:500], images[500:], scans.target[500:],
      ...     features=lambda images: images.reshape(len(images), -1), cas=None,
      ... )
      >>> found["figures"]["recall"]["value"] > 0.5
      True
    """
    check_seed(seed)
    judged = at_network_size(from_arrays(images, labels, name="the judged images")).train
    source = at_network_size(from_arrays(real_images, real_labels, name="real images", test=test))
    known = None if trained_on is None else _padded(trained_on)
    parted = seal(source, trained_on=known, test_fraction=test_fraction, seed=seed)
    judged, notes = leave_out(judged, parted)
    found = compare_sets(
        with_classes_of(judged, parted.pool.class_names),
        real_side(parted, seed=seed),
        trained_on=known,
        features=features,
        seed=seed,
        seeds=seeds,
        cas=cas,
        progress=progress,
    )
    return {**found, "notes": [*parted.notes, *notes, *found["notes"]]}


def compare_sets(
    judged: Dataset,
    real: Real,
    *,
    trained_on: np.ndarray | None = None,
    features: Features | Callable[[np.ndarray], Any] | None = None,
    seed: int = 0,
    seeds: int = 3,
    cas: Learning | None = CAS,
    cache: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge labelled images by real ones: as `compare`, of sets that are prepared already.

    Args: as of `compare`, and
      judged: images to judge, padded as the real ones; with the same class names, or none for
        images without labels, which have neither CAS nor figures per class.
      real: the real side.
      trained_on: padded likewise.
      cache: keep the feature network in the cache folder, and take it from there.
    """
    progress = progress or Silent()
    _check(judged, real, seeds)
    if features is None:
        features = train_features(real.fit, real.validation, keep=cache, progress=progress)
    elif not isinstance(features, Features):
        features = of_function(features)
    labelled = judged.class_names == real.fit.class_names
    trained = _train_both(judged, real, cas, seeds, seed, progress) if cas and labelled else None
    if trained_on is None:
        trained_on = np.concatenate([real.fit.images, real.validation.images])
    test = _look(real.sealed, features, trained)
    found = figures.measure(
        judged,
        Labelled(test.features, test.labels),
        trained_on,
        features.see,
        seed=seed,
        by_class=labelled,
    )
    names = real.fit.class_names
    return {
        "classes": list(names),
        "image": dict(zip(("height", "width", "channels"), judged.images.shape[1:], strict=True)),
        "features": _named(features, names, test),
        "counts": {
            "judged": len(judged),
            "judged_by_class": judged.counts().tolist() if labelled else None,
            "fit": len(real.fit),
            "validation": len(real.validation),
            "test": len(test.labels),
            "trained_on": len(trained_on),
            "figures": found.images,
        },
        "figures": found.whole,
        "figures_by_class": found.by_class,
        "cas": trained and scores.score(trained, test.predictions, test.labels, names),
        "notes": _notes(judged, labelled),
    }


def with_classes_of(judged: Dataset, class_names: tuple[str, ...]) -> Dataset:
    """Return images with their labels counted as another set's classes are, by their names.

    Raises:
      UserError: they have a class that the other set does not have.
    """
    strange = [name for name in judged.class_names if name not in class_names]
    if strange:
        known = ", ".join(map(quoted, class_names[:10])) + ", ..." * (len(class_names) > 10)
        raise UserError(
            f"{quoted(judged.name)} has the class {quoted(strange[0])}, which the real images do "
            f"not have (theirs: {known}): give both the same class names"
        )
    places = np.array([class_names.index(name) for name in judged.class_names], np.int32)
    return replace(judged, labels=places[judged.labels], class_names=class_names)


class _Test(NamedTuple):
    """What one look at the sealed images gave.

    Attributes:
      labels: int32 `[n]`.
      features: float32 `[n, d]`.
      seen_as: the classes that the feature network takes them for, int32 `[n]`, or None.
      predictions: those that the classifiers of both sides do, int32 `[2, seeds, n]`; or None.
    """

    labels: np.ndarray
    features: np.ndarray
    seen_as: np.ndarray | None
    predictions: Any


def _look(sealed: SealedTest, features: Features, trained: scores.Trained | None) -> _Test:
    """Open the seal once, when all is chosen."""
    found: list[Any] = []

    def look(images: np.ndarray) -> np.ndarray:
        seen = features.look(images)
        found.extend([seen, None if trained is None else trained.predict(images)])
        return np.zeros(len(images))

    choice: dict[str, Any] = {"features": features.sha256}
    if trained is not None:
        chosen = (trained.real.update, trained.judged.update)
        choice["cas"] = [updates.tolist() for updates in chosen]
    labels = sealed.judge(0, choice, look).labels
    seen, predictions = found
    return _Test(labels, seen.features, seen.predictions, predictions)


def _train_both(
    judged: Dataset, real: Real, learning: Learning, seeds: int, seed: int, progress: Progress
) -> scores.Trained:
    """Train on as many images of either side, none of which chooses."""
    choosing = pixel_hashes(real.validation.images)
    judged = judged.take(np.flatnonzero(~np.isin(pixel_hashes(judged.images), choosing)))
    count = min(len(judged), len(real.fit))
    if count < figures.FEWEST:
        raise UserError(
            f"{quoted(judged.name)} has {count} images that do not choose; at least "
            f"{figures.FEWEST} are needed to train on: add images, or give --no-cas"
        )
    return scores.train_both(
        judged.take(draws.some(judged.labels, count, seed)),
        real.fit.take(draws.some(real.fit.labels, count, seed)),
        real.validation,
        learning=replace(learning, seed=seed),
        seeds=seeds,
        progress=progress,
    )


def _named(features: Features, class_names: tuple[str, ...], test: _Test) -> dict[str, Any]:
    """Say what the figures are measured with."""
    right = None
    if test.seen_as is not None and tuple(features.facts.get("class_names", ())) == class_names:
        right = accuracy(test.labels, test.seen_as)
    return {
        "name": features.name,
        "sha256": features.sha256,
        "size": test.features.shape[1],
        "test_accuracy": right,
        "facts": dict(features.facts),
    }


def _notes(judged: Dataset, labelled: bool) -> list[str]:
    if not labelled:
        return [f"{quoted(judged.name)} has no labels: neither CAS nor figures per class"]
    absent = [
        quoted(name)
        for name, count in zip(judged.class_names, judged.counts(), strict=True)
        if not count
    ]
    if not absent:
        return []
    shown = ", ".join(absent[:5]) + ", ..." * (len(absent) > 5)
    return [f"{quoted(judged.name)}: no image of class{'es' * (len(absent) > 1)} {shown}"]


def _check(judged: Dataset, real: Real, seeds: int) -> None:
    if judged.images.shape[1:] != real.fit.images.shape[1:]:
        raise UserError(
            f"{quoted(judged.name)} has images of {_words(judged)}, the real ones are of "
            f"{_words(real.fit)}: bring them to one size (--size) and number of channels"
        )
    if seeds < 2:
        raise UserError(f"seeds must be at least 2, not {seeds}: an interval needs several")
    for name, own in ((judged.name, judged), (f"{real.fit.name} to train on", real.fit)):
        if len(own) < figures.FEWEST:
            raise UserError(
                f"{quoted(name)} has {len(own)} images; at least {figures.FEWEST} are needed"
            )


def _words(images: Dataset) -> str:
    _, height, width, channels = images.images.shape
    return f"{width}x{height} pixels and {channels} channel{'s' if channels > 1 else ''}"


def _padded(images: np.ndarray) -> np.ndarray:
    found = in_layout(np.asarray(images), "trained_on")
    if found.dtype != np.uint8:
        raise UserError(f"trained_on has {found.dtype} pixels; uint8 is needed")
    return pad_to_power_of_two(found)
