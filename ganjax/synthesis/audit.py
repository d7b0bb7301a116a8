"""The copy audit: does a set of generated images hold copies of training images.

How near each image lies is compared with how near held-out real images lie (`closeness`). The set
is said to hold copies where more of its images lie among the closest held-out ones than 95 % of
real sets of its size would have there (`precedence`): so a set that holds none passes 95 % of the
time.
"""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ganjax.metrics.copying import authenticity, copying_statistic
from ganjax.synthesis.closeness import AT_A_TIME, Auditor, Closeness

LEVEL = 0.05
"""Share of sets without copies that are said to hold some all the same."""

FEWEST = 5
"""Held-out and generated images that C_T needs."""

SIMULATED = 1999
"""Sets without copies that are drawn to find out what is rare among them."""


class Precedence(NamedTuple):
    """Whether too many images of a set lie among the closest held-out ones.

    Attributes:
      p_value: how often a real set of this size has as many there, or more.
      smallest_share: the smallest share of the set that is told at 5 %, where they are all closer
        than any held-out image.
    """

    p_value: float
    smallest_share: float


def precedence(calibration: np.ndarray, ratios: np.ndarray) -> Precedence:
    """Test whether a set has more close images than real sets have.

    Where the images are of one kind with the held-out ones, how many of m lie below the k-th
    smallest of n is beta-binomial, whatever their distribution. Of the p-values for k = 1, 2, 4,
    ... up to a tenth of n the smallest counts, against the smallest ones of simulated real sets:
    so a set of which nothing is copied is accused in at most 5 % of cases. An image as close as the
    k-th held-out one does not count as below it.

    Args:
      calibration: the closeness of held-out images, float `[n]`, ascending.
      ratios: that of the set, float `[m]`, m at least 1.
    """
    n, m = len(calibration), len(ratios)
    ranks = _ranks(n)
    counts = np.searchsorted(np.sort(ratios), calibration[ranks - 1], side="left")
    tails, rare = _under_no_copying(n, m)
    # the last column: what the p-value would be, were so many images closer than any held-out one
    least = np.append(tails.min(axis=0), tails[np.arange(len(ranks)), counts].min())
    p_values = (1 + np.searchsorted(rare, least, side="right")) / (len(rare) + 1)
    told = np.flatnonzero(p_values[:-1] <= LEVEL)
    return Precedence(float(p_values[-1]), float(told[0] / m) if len(told) else 1.0)


def _ranks(n: int) -> np.ndarray:
    """Return the ranks of the held-out images that are looked at: 1, 2, 4, ... up to n / 10."""
    return 2 ** np.arange(int(np.log2(max(1, n / 10))) + 1)


@cache
def _under_no_copying(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what to expect of sets of m images beside n held-out ones.

    Returns:
      For each rank k, the probability that j images or more lie below the k-th held-out one,
      float64 `[ranks, m + 1]`; and the smallest of these probabilities in simulated sets, float64
      `[SIMULATED]`, ascending.
    """
    from scipy.special import betaln

    ranks, rng = _ranks(n), np.random.default_rng(0)
    j, above, beyond = np.arange(m + 1), ranks[:, None], n - ranks[:, None] + 1
    ways = -betaln(m - j + 1, j + 1) - np.log(m + 1)  # to choose j of m
    mass = np.exp(ways + betaln(j + above, m - j + beyond) - betaln(above, beyond))
    tails = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(ranks, prepend=0)
    spaces = rng.gamma(steps[None], size=(SIMULATED, len(steps)))
    rest = rng.gamma(n + 1 - ranks[-1], size=(SIMULATED, 1))
    held_out = np.cumsum(spaces, axis=1) / (spaces.sum(axis=1, keepdims=True) + rest)
    counts = np.zeros((SIMULATED, len(ranks)), np.int64)
    below, before = np.zeros(SIMULATED, np.int64), np.zeros(SIMULATED)
    for i, place in enumerate(held_out.T):
        below = below + rng.binomial(m - below, np.clip((place - before) / (1 - before), 0, 1))
        counts[:, i], before = below, place
    return tails, np.sort(tails[np.arange(len(ranks)), counts].min(axis=1))


@dataclass(frozen=True)
class Audit:
    """What an audit of a set found; plain numbers, for a manifest or a report.

    Attributes:
      looked_at: generated images that were looked at.
      called_copies: how many of them are called copies.
      mirrored: how many of those are nearer to a mirrored training image.
      share: the share of copies, the expected false alarms taken off.
      holds_copies: whether the set as a whole is said to hold copies.
      p_value: how often a real set would look as if it held as many.
      smallest_share: the smallest share of copies that this audit could have told.
      threshold: the closeness up to which an image is called a copy.
      false_alarms: the share of real images up to that.
      training_images: how many the generator was trained on.
      compared_with: how many of those they were compared with.
      held_out: how many held-out images that was calibrated on.
      left_out: how many training images besides, each left out in turn.
      copying: C_T (arXiv 2004.05675), far below 0 for copies; None where it is not known.
      copying_z: the same as a standard normal z.
      authenticity: the share of images that are authentic (arXiv 2102.08921).
      authenticity_of_held_out: that of held-out images, to compare it with.
    """

    looked_at: int
    called_copies: int
    mirrored: int
    share: float
    holds_copies: bool
    p_value: float
    smallest_share: float
    threshold: float
    false_alarms: float
    training_images: int
    compared_with: int
    held_out: int
    left_out: int
    copying: float | None = None
    copying_z: float | None = None
    authenticity: float | None = None
    authenticity_of_held_out: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def audit(by: Auditor, images: np.ndarray) -> Audit:
    """Say whether a set of generated images holds copies of training images.

    Args:
      by: what they are compared with.
      images: samples as they come from the generator, uint8 `[m, height, width, channels]`; a
        thousand tell shares of about a percent.

    Returns:
      The verdict. C_T and authenticity are measured on the same features, and left out where there
      are fewer than 5 held-out or generated images.
    """
    starts = range(0, len(images), AT_A_TIME)
    parts = [by.closeness(images[start : start + AT_A_TIME]) for start in starts]
    closeness = Closeness(*map(np.concatenate, zip(*parts, strict=True)))
    copies = by.copies(closeness)
    called = float(np.mean(by.calibration <= by.threshold))
    tested = precedence(by.calibration, closeness.ratio)
    return Audit(
        looked_at=len(copies),
        called_copies=int(copies.sum()),
        mirrored=int((copies & closeness.mirrored).sum()),
        share=float(max(0.0, (copies.mean() - called) / max(1 - called, 1e-9))),
        holds_copies=tested.p_value <= LEVEL,
        p_value=tested.p_value,
        smallest_share=tested.smallest_share,
        threshold=by.threshold,
        false_alarms=called,
        training_images=by.all_trained_on,
        compared_with=len(by.train),
        held_out=len(by.held_out),
        left_out=by.left_out,
        **_published(by, np.asarray(by.see(images), np.float32)),
    )


def _published(by: Auditor, generated: np.ndarray) -> dict[str, float | None]:
    """Return C_T and authenticity, where there are enough images for them."""
    if min(len(by.held_out), len(generated)) < FEWEST:
        return {}
    found = copying_statistic(by.train, by.held_out, generated)
    numbers = {
        "copying": found.statistic,
        "copying_z": found.z,
        "authenticity": authenticity(by.train, generated),
        "authenticity_of_held_out": authenticity(by.train, by.held_out),
    }
    return {name: float(value) if np.isfinite(value) else None for name, value in numbers.items()}
