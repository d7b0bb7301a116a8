"""Which samples to keep, by what networks say of them; and that none is there twice.

What is chosen here changes what a classifier learns, so how much is kept is a choice like any
other: `choose_filter` makes it by validation images alone. The test set has no part in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from ganjax.data.hashes import first_of_equals, pixel_hashes
from ganjax.data.near import near_pairs
from ganjax.errors import UserError

FilterName = Literal["none", "agreement", "discriminator", "rejection"]

HALF = 0.5
"""What the filters that need a fraction keep where none is given."""


@dataclass(frozen=True)
class Filter:
    """A way to keep some samples of each class.

    Attributes:
      name: "none" keeps all. "agreement": a classifier of real images takes a sample for its own
        label (GaFi, arXiv 2305.10118). "discriminator": what the GAN's discriminator takes for the
        most real. "rejection": samples accepted at random, as its logits have it
        (arXiv 1810.06758).
      keep: the fraction of each class that is kept, in (0, 1]: those of the highest probability, or
        the highest logits. None for "agreement" keeps those whose most probable class is their
        label; for the next two it is a half.
    """

    name: FilterName = "none"
    keep: float | None = None

    def __post_init__(self):
        if self.name not in get_args(FilterName):
            raise UserError(f"filter must be one of {', '.join(get_args(FilterName))}")
        if self.name == "none" and self.keep is not None:
            raise UserError("a filter of none keeps everything: give no fraction, or a filter")
        if self.name in ("discriminator", "rejection") and self.keep is None:
            object.__setattr__(self, "keep", HALF)
        if self.keep is not None and not 0 < self.keep <= 1:
            raise UserError(f"the fraction kept must be above 0 and at most 1, not {self.keep}")

    def __str__(self) -> str:
        return self.name if self.keep is None else f"{self.name}, {self.keep:.0%}"


class Candidates(NamedTuple):
    """Samples to choose from, as networks see them.

    Attributes:
      labels: the classes that they were made as, int `[n]`.
      logits: what a classifier of real images says, float `[n, classes]`; for "agreement".
      scores: the discriminator's logits, float `[n]`; for "discriminator" and "rejection".
    """

    labels: np.ndarray
    logits: np.ndarray | None = None
    scores: np.ndarray | None = None


def keep(how: Filter, candidates: Candidates, *, seed: int = 0) -> np.ndarray:
    """Say which samples a filter keeps.

    Args:
      how: the filter.
      candidates: the samples, with what the filter looks at.
      seed: of "rejection", the only one that draws.

    Returns:
      bool `[n]`.

    Raises:
      UserError: what the filter looks at is not given.
    """
    labels = np.asarray(candidates.labels)
    if how.name == "none":
        return np.ones(len(labels), bool)
    if how.name == "agreement" and how.keep is None:
        return agrees(_given(candidates.logits, how), labels)
    assert how.keep is not None
    if how.name == "rejection":
        accepted = rejection_probability(_given(candidates.scores, how), labels, keep=how.keep)
        return np.random.default_rng(seed).random(len(labels)) < accepted
    return best_of_each_class(values(how, candidates), labels, how.keep)


def values(how: Filter, candidates: Candidates) -> np.ndarray:
    """Return what "agreement" or "discriminator" ranks samples by, the higher the better.

    Returns:
      float64 `[n]`.

    Raises:
      UserError: what the filter looks at is not given, or it ranks nothing.
    """
    if how.name == "agreement":
        return own_log_probability(_given(candidates.logits, how), candidates.labels)
    if how.name == "discriminator":
        return np.asarray(_given(candidates.scores, how), np.float64)
    raise UserError(f"the filter {how.name} ranks no samples: give agreement or discriminator")


def own_log_probability(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the log-probability of each sample's own label: float64 `[n]`, at most 0.

    Args:
      logits: a classifier's, float `[n, classes]`.
      labels: int `[n]`.
    """
    logits = np.asarray(logits, np.float64)
    own = logits[np.arange(len(logits)), labels]
    return own - np.logaddexp.reduce(logits, axis=1)


def agrees(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Say of which samples a classifier's most probable class is the label: bool `[n]`."""
    return np.asarray(logits).argmax(axis=1) == labels


def best_of_each_class(values: np.ndarray, labels: np.ndarray, fraction: float) -> np.ndarray:
    """Say which samples are among the best of their class.

    Args:
      values: what they are ranked by, float `[n]`.
      labels: int `[n]`.
      fraction: of each class that is kept, in (0, 1]; at least one sample.

    Returns:
      bool `[n]`; of equal samples the earlier ones.
    """
    kept = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        order = own[np.argsort(-np.asarray(values)[own], kind="stable")]
        kept[order[: max(1, round(fraction * len(own)))]] = True
    return kept


def thresholds(
    values: np.ndarray, labels: np.ndarray, fraction: float, *, classes: int
) -> np.ndarray:
    """Return the value above which a fraction of each class lies: so samples can be judged singly.

    Args:
      values: of samples as they come, float `[n]`.
      labels: int `[n]`.
      fraction: in (0, 1].
      classes: how many there are.

    Returns:
      float64 `[classes]`: a sample is kept where its value is at least that of its class. -inf for
      a class without samples, of which nothing is known.
    """
    found = np.full(classes, -np.inf)
    for label in np.unique(labels):
        ranked = np.sort(np.asarray(values, np.float64)[labels == label])[::-1]
        found[label] = ranked[max(1, round(fraction * len(ranked))) - 1]
    return found


def rejection_probability(scores: np.ndarray, labels: np.ndarray, *, keep: float) -> np.ndarray:
    """Return how probably each sample is accepted, so that what is left resembles real images.

    Discriminator rejection sampling (arXiv 1810.06758, equation 8), within each class:

        F(x) = d(x) - M - log(1 - exp(d(x) - M - epsilon)) - gamma
        p(x) = sigmoid(F(x))

    with d the discriminator's logits and M the largest of the class; gamma is set so that the mean
    of p is the fraction to keep. It supposes a discriminator that was trained by a logistic loss.

    Args:
      scores: the discriminator's logits, float `[n]`.
      labels: int `[n]`.
      keep: the fraction to keep, in (0, 1].

    Returns:
      float64 `[n]` in [0, 1].
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    epsilon = 1e-8
    found = np.ones(len(labels))
    for label in np.unique(labels) if keep < 1 else ():
        own = labels == label
        below = np.asarray(scores, np.float64)[own]
        below = below - below.max()
        odds = below - np.log(-np.expm1(below - epsilon))
        far = np.abs(odds).max() + 50
        gamma = brentq(lambda shift, odds=odds: expit(odds - shift).mean() - keep, -far, far)
        found[own] = expit(odds - gamma)
    return found


def distinct(images: np.ndarray, *, others: np.ndarray | None = None) -> np.ndarray:
    """Say which samples are no duplicate, exact or near, mirrored or not.

    Duplicates are those that `ganjax.data.hashes` and `ganjax.data.near` find: equal pixels, or one
    picture a little brighter, noisy, compressed or moved by a pixel.

    Args:
      images: the samples, uint8 `[n, height, width, channels]`.
      others: images that they must not be duplicates of, such as the training images, of the same
        shape; None for none.

    Returns:
      bool `[n]`: whether a sample differs from `others` and from those before it that are kept.
    """
    count = len(images)
    others = images[:0] if others is None else others
    splits = [images, np.ascontiguousarray(images[:, :, ::-1]), others]
    groups = first_of_equals(np.concatenate([pixel_hashes(own) for own in splits]))
    alike: dict[int, set[int]] = {group: {group} for group in groups.tolist()}
    for one, other in near_pairs(splits, groups == np.arange(len(groups))).pairs.tolist():
        alike[one].add(other)
        alike[other].add(one)
    known = set(groups[2 * count :].tolist())
    kept = np.zeros(count, bool)
    for image, (straight, mirrored) in enumerate(groups[: 2 * count].reshape(2, -1).T.tolist()):
        kept[image] = not known & (alike[straight] | alike[mirrored])
        if kept[image]:
            known |= {straight, mirrored}
    return kept


class Choice(NamedTuple):
    """Which filter was chosen, and by what.

    Attributes:
      filter: the one of the highest score; of equal ones the first.
      scores: every filter with its score on validation images.
    """

    filter: Filter
    scores: tuple[tuple[Filter, float], ...]


def choose_filter(filters: Sequence[Filter], validate: Callable[[Filter], float]) -> Choice:
    """Choose a filter by what a classifier learns from the samples that it keeps.

    Args:
      filters: to choose from; the simplest first, since it wins where scores are equal.
      validate: trains a classifier on the samples that a filter keeps (and whatever real images go
        with them), the same way for each, and returns its score on validation images, the higher
        the better. It must never see the test set.

    Returns:
      The choice, with all scores.

    Raises:
      UserError: there is no filter to choose from, one stands there twice, or no score is a
        number. A filter whose score is none is not chosen.
    """
    if len(set(filters)) < max(1, len(filters)):
        raise UserError("choose among one filter or more, each given once")
    scores = tuple((each, float(validate(each))) for each in filters)
    ranked = [-np.inf if np.isnan(score) else score for _, score in scores]
    if max(ranked) == -np.inf:
        raise UserError("no filter has a score on validation: its classifiers did not train")
    return Choice(filters[int(np.argmax(ranked))], scores)


def _given(found: np.ndarray | None, how: Filter) -> np.ndarray:
    if found is None:
        what = "a classifier's logits" if how.name == "agreement" else "the discriminator's logits"
        raise UserError(f"the filter {how.name} needs {what}")
    return np.asarray(found)
