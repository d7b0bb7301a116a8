"""What competes in a study, and how validation chooses: no images, no networks, only numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WITHOUT, WITH = "classical", "both"
"""The comparison named before any run: the best arm with generated images against the best without.

An arm may choose what a simpler one of its side may (no transforms), so these two contain the
choices of `real` and `generated`. No arm with generated images may leave them out: the question is
what they bring."""

ARMS = ("real", "classical", "generated", "both")

RESAMPLED = "class-balanced resampling"
"""An entry of unbalanced studies beside the arms: that alone, to compare with."""

_WITHOUT_THEM = "without generated images, "

RIVAL = f"{_WITHOUT_THEM}strength "
"""How the names of `rivals` begin."""

CONTROL = f"{_WITHOUT_THEM}noise in their place"
"""The negative control: the way to train with generated images that validation chose, with noise in
their place. Whatever is mixed into a small set regularises it; to help is to do more than that."""

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


def rivals(candidates: Sequence[Candidate], own: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Name every way to train without generated images, for each to be judged on the test set.

    The arm with them helps if it beats every one of these. To beat the one that validation chose is
    not enough: that may be a poor choice, for all replicates alike, which no interval carries. A
    test of each at level alpha is one of all at level alpha, whatever validation chose (the
    intersection-union test, Berger 1982), and nothing is chosen on the test set. What validation
    chose with generated images is taken as given.

    Args:
      candidates: all of them.
      own: the indices of those that `WITHOUT` may choose from.

    Returns:
      One index for each, under a name that begins with `RIVAL`.
    """
    unequal = len({candidates[i].balanced for i in own}) > 1

    def name(candidate: Candidate) -> str:
        drawn = ", classes as they are" if unequal and not candidate.balanced else ""
        return f"{RIVAL}{candidate.strength:g}{drawn}"

    return {name(candidates[i]): (i,) for i in own}


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


def has_to_be_beaten(name: str) -> bool:
    """Whether an entry is one of `rivals`, or the `CONTROL`."""
    return name.startswith(_WITHOUT_THEM)


def without_prefix(name: str) -> str:
    """Shorten the name of what has to be beaten, as "strength 0.25"."""
    return name.removeprefix(_WITHOUT_THEM)


def only_measured(name: str) -> bool:
    """Whether an entry is one that arms are measured by: has to be beaten, or is of the curve."""
    return has_to_be_beaten(name) or name in map(part_name, PARTS)


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
