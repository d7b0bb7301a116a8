"""What competes in a study, and how validation chooses: no images, no networks, only numbers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

WITHOUT, WITH = "classical", "both"
"""The comparison named before any run: with generated images against the best without.

The arm without chooses from what `real` may, too, so it is the best of both. The other one then has
the same strength of the transforms, so that the two differ by nothing but the generated images; it
may choose how many, but not leave them out: the question is what they bring."""

ARMS = ("real", "classical", "generated", "both")

RESAMPLED = "class-balanced resampling"
"""An entry of unbalanced studies beside the arms: that alone, to compare with."""

PARTS = (0.25, 0.5, 1.0)
"""Parts of the real images that the learning curve is drawn through."""


class Candidate(NamedTuple):
    """One way to train the classifier.

    Attributes:
      ratio: part of each batch that is generated.
      strength: of the classical policy; 0 leaves images as they are.
      balanced: whether each class is drawn as often as any other, however many images it has.
      part: of each class's real images, the part that is trained on.
    """

    ratio: float
    strength: float
    balanced: bool = False
    part: float = 1.0


class Entry(NamedTuple):
    """The candidate that validation chose for an arm, as it did in one replicate.

    Attributes:
      candidate: its index.
      update: after which update its best classifiers were kept.
      accuracy: on the validation part, mean over classes and seeds.
      probability: of the right class there, likewise; its mean over replicates chose.
    """

    candidate: int
    update: int
    accuracy: float
    probability: float


def line_up(
    ratios: Sequence[float], strengths: Sequence[float], *, unbalanced: bool = False
) -> tuple[tuple[Candidate, ...], dict[str, tuple[int, ...]]]:
    """List the candidates, every ratio with every strength, and from which each arm may choose.

    Where classes differ in size, all but the first candidate draw them equally often: generated
    images are of all classes alike, and must not win by that alone.

    Args:
      ratios: parts of a batch that may be generated, rising from 0.
      strengths: strengths of the classical policy, rising from 0.
      unbalanced: whether classes differ in size.

    Returns:
      The candidates, and for each arm the indices of its own; where classes differ in size, also
      for `RESAMPLED`.
    """
    without = [Candidate(0.0, s, unbalanced) for s in strengths]
    mixed = [Candidate(r, s, unbalanced) for r in ratios if r > 0 for s in strengths]
    as_it_is = Candidate(0.0, 0.0)
    candidates = tuple(dict.fromkeys([as_it_is, *without, *mixed]))

    arms = {
        "real": [as_it_is],
        "classical": [as_it_is, *without],
        "generated": [own for own in mixed if own.strength == 0],
        "both": mixed,
    }
    if unbalanced:
        arms[RESAMPLED] = [Candidate(0.0, 0.0, balanced=True)]
    return candidates, {
        arm: tuple(candidates.index(c) for c in dict.fromkeys(own)) for arm, own in arms.items()
    }


def learning_curve(
    candidates: tuple[Candidate, ...], strengths: Sequence[float]
) -> tuple[tuple[Candidate, ...], dict[str, tuple[int, ...]]]:
    """Add candidates that train on a part of the real images alone, at one strength for all.

    They compete with nobody: they tell what more real images would be worth.

    Args:
      candidates: those that compete.
      strengths: of the classical policy, as for `line_up`; the curve is drawn at the middle one.

    Returns:
      All candidates, and one index for each of `PARTS`, under the name that `part_name` gives it.
    """
    whole = Candidate(0.0, strengths[len(strengths) // 2], candidates[-1].balanced)
    curve = [whole._replace(part=part) for part in PARTS]
    found = tuple(dict.fromkeys([*candidates, *curve]))
    names = map(part_name, PARTS)
    return found, {name: (found.index(c),) for name, c in zip(names, curve, strict=True)}


def part_name(part: float) -> str:
    """Name a point of the learning curve, as "25% of the real images"."""
    return f"{part:.0%} of the real images"


def choose_for_arms(
    candidates: Sequence[Candidate], arms: Mapping[str, Sequence[int]], probability: np.ndarray
) -> dict[str, int]:
    """Choose each arm's candidate on validation, one for all replicates.

    The strength of `WITHOUT` binds `WITH`. If each chose its own, the choices' errors, which all
    replicates share, would be in their difference, and no interval carries them: a lucky choice of
    one side looked like a gain.

    Args:
      candidates: all of them.
      arms: the indices of each arm's own.
      probability: as for `choose`.

    Returns:
      Each arm's candidate.
    """
    chosen = {arm: choose(own, probability) for arm, own in arms.items()}
    strength = candidates[chosen[WITHOUT]].strength
    alike = [i for i in arms[WITH] if candidates[i].strength == strength]
    return chosen | {WITH: choose(alike, probability)}


def choose(indices: Sequence[int], probability: np.ndarray) -> int:
    """Choose an arm's candidate on validation, by the probability that it gives the right class.

    One for all replicates: what counts is the mean over their validation parts, because one part
    alone is too small to tell candidates apart (`experiments/choice.py` measures it). And one way
    to train is what a reader takes home.

    Of five images of a class one right answer more or less is 20 points: how sure a classifier is
    of the right class tells more of the same images than their number, and unlike the cross-entropy
    no single image can outweigh all others.

    Args:
      indices: the arm's candidates.
      probability: of the right class on validation, of every candidate at its best update,
        `[replicates, candidates]`.

    Returns:
      The candidate: of equals, the first.
    """
    mean = np.mean(probability, axis=0)
    return min(indices, key=lambda i: (-mean[i], i))
