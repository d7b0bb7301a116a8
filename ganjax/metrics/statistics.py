"""Does it help? Intervals, three-valued answers and planning for studies of replicates by images.

A study judges every replicate (a draw of the training set, a generator, initial weights) on the
same test images, so what it measures, D[r, i], varies for two reasons at once:

    D[r, i] = mu + a[r] + b[i] + e[r, i]

with a the replicate, b the test image and e what is left. The mean over both therefore has the
variance

    v = var(a) / R + var(b) / n + var(e) / (R n)

of which a t interval over the R replicate means sees only the first and the last part: it says what
another replicate would give on these test images, and covers the true difference too rarely.
`crossed_interval` carries all three. Everything here is float64 NumPy on the host.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over replicates and test images, its confidence interval, and where its width is from.

    The estimate's variance is replicate_variance / replicates + image_variance + residual_variance
    / replicates: more replicates shrink the first part and the last, only more test images the
    second. The three are unbiased, so one that is truly 0 is negative by chance about half of the
    time; it then counts as 0.
    """

    estimate: float
    """The mean, in the unit of the values (0.01 is one point of accuracy)."""
    low: float
    high: float
    level: float
    """The share of studies whose interval holds the true value, such as 0.95."""
    degrees_of_freedom: float
    replicates: int
    images: int
    replicate_variance: float
    """var(a): between replicates."""
    image_variance: float
    """var(b) / n: between the test images; the floor that no number of replicates lowers."""
    residual_variance: float
    """var(e) / n: replicate by image."""
    image_degrees_of_freedom: float
    """n - 1, or fewer where rare classes weigh as much as frequent ones."""


def crossed_interval(
    values: ArrayLike, *, labels: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """The mean of a replicates-by-images table with an interval for other replicates AND images.

    With R replicates and n images, v_r the variance of the replicate means / R, v_i the variance of
    the image means / n and v_e the residual's mean square / (R n):

        v = max(v_r + v_i - v_e, v_r, v_i)
        f = v^2 / (v_r^2 / (R - 1) + v_i^2 / (n - 1))
        interval = mean -+ t(f) sqrt(v)

    v_e is taken off once because v_r and v_i both contain it; the maximum keeps a component that is
    negative by chance from narrowing the interval.

    Balanced accuracy: with `labels` every class counts the same. The estimate is the mean of the
    C class means, and the images' parts are taken within each class: v_i = sum_c v_ic / C^2, v_e
    alike. (Weighting the images and then treating them as one sample would take differences
    between the classes for uncertainty, even where all images of a class agree.) In place of n - 1
    stands Satterthwaite's (sum_c 1/n_c)^2 / sum_c 1/(n_c^2 (n_c - 1)), which supposes, for the
    degrees of freedom only, that images vary alike in all classes: estimated from a class of two
    or three images they are worth nothing.

    What it assumes: replicates are independent draws, and test images are independent draws (with
    `labels`, within each class), of what the answer is about. Replicates that share a pool of
    training images or a validation part speak for that pool. The mean is roughly normal. What was
    chosen on validation data, for all replicates or in each, is given: an arm with more candidates
    to choose from gains by that alone, and this interval does not take that off; where each of the
    candidates is to be beaten, `against_all` does.

    How well it holds, simulated (nominal 95 %; tests/metrics/test_coverage.py): 93 to 98 % for 3
    to 10 replicates, 359 to 2,000 images, replicate spread 0 to 4 points; nearer 98.5 % where the
    arms disagree on few images. With 2 replicates 88 to 98 %: take 3. Balanced: 93 to 98 % for even
    classes, up to 99 % with a long tail, but 87 % where one of two classes had 3 images: take 5 of
    each class or more. Values that are all the same leave nothing to estimate a width from: the
    interval then is that constant.

    Args:
      values: float `[replicates, images]`: per replicate and test image the difference of "correct"
        between two arms, in [-1, 1], or one arm's "correct", in [0, 1]; fractional where it is a
        mean over several classifier seeds.
      labels: the test images' classes, int `[images]`, for balanced accuracy; None for accuracy.
      level: nominal coverage, between 0 and 1.

    Returns:
      The interval, in the unit of the values.

    Raises:
      UserError: fewer than 2 replicates or 2 images (per class, with `labels`), values that are not
        finite, or a level outside (0, 1).

    References:
      Two-way random effects without repetition: Searle, Casella, McCulloch, Variance Components
      (1992). Degrees of freedom: Satterthwaite (1946), Biometrics Bulletin 2(6).

    Example:
      >>> interval = crossed_interval([[1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]])
      >>> print(f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]")
      0.50 [-0.18, 1.18]
    """
    values, groups = _checked(values, labels, level)
    table = _table(values, groups)
    width, freedom = _half_width(table, values.shape[0], level)
    return Interval(
        low=float(table.estimate - width),
        high=float(table.estimate + width),
        level=float(level),
        degrees_of_freedom=float(freedom),
        replicates=values.shape[0],
        images=values.shape[1],
        **{name: float(value) for name, value in table._asdict().items()},
    )


def against_all(chosen: Interval, rivals: Sequence[Interval]) -> Interval:
    """Return the interval of an arm minus the best of several rivals, whichever that is.

    The arm is better than the best of them only if it is better than each: its gain lies above 0
    where every interval does, at the same level, however many there are (an intersection-union
    test). And it is at most the gain against any one rival, provided that the test images did not
    choose that one. So the lower end is the lowest of all, the upper end that of the chosen one.

    Args:
      chosen: against the rival that was chosen, without the test images.
      rivals: against each of them.

    Returns:
      `chosen`, with that lower end; its variances, so also `half_width` and `p_value`, remain those
      against the chosen one.

    References:
      Berger (1982), Technometrics 24(4).
    """
    return replace(chosen, low=min(own.low for own in (chosen, *rivals)))


def half_width(interval: Interval, replicates: int) -> float:
    """Half the width to expect of the same study with another number of replicates.

    Args:
      interval: what was measured; its variance components and test images are kept.
      replicates: how many replicates there would be, at least 2.

    Returns:
      Half the interval's width at the same level; at `interval.replicates`, its own.

    Raises:
      UserError: fewer than 2 replicates.
    """
    if replicates < 2:
        raise UserError(f"an interval needs at least 2 replicates, not {replicates}")
    return float(_half_width(interval, replicates, interval.level)[0])


def replicates_to_tell(
    interval: Interval,
    rivals: Sequence[Interval] = (),
    *,
    smallest_gain: float = 0.01,
    most: int = 1000,
) -> int | None:
    """How many replicates would turn "cannot tell" into an answer, if the estimate stayed.

    A plan, not a promise: the estimate moves too, so about half of such studies would tell.

    Args:
      interval: what was measured.
      rivals: as for `against_all`, if each of them is to be beaten.
      smallest_gain: as in `decide`.
      most: the largest number to consider.

    Returns:
      The smallest number of replicates at which `decide` would answer True or False; None where
      not even `most` would do: then more test images are needed.

    Raises:
      UserError: `smallest_gain` is not above 0.
    """
    _check_gain(smallest_gain)
    replicates = np.arange(2, most + 1)

    def widths(own: Interval) -> Floats:
        return _half_width(own, replicates, own.level)[0]

    above = [own.estimate - widths(own) > 0 for own in (interval, *rivals)]
    helps = np.all(above, axis=0)
    does_not = interval.estimate + widths(interval) < smallest_gain
    tells = np.flatnonzero(helps | does_not)
    return int(replicates[tells[0]]) if tells.size else None


def decide(interval: Interval, *, smallest_gain: float = 0.01) -> bool | None:
    """The three-valued answer: does the first arm do better than the second?

    Args:
      interval: the interval of first minus second.
      smallest_gain: the smallest gain worth having, above 0; 0.01 is one point of accuracy.

    Returns:
      True (helps): the interval lies above 0 (by how much, it says itself). False (does not help):
      it lies below `smallest_gain`, so that no gain worth having is compatible with the data. None
      (cannot tell): neither.

    Raises:
      UserError: `smallest_gain` is not above 0.
    """
    _check_gain(smallest_gain)
    if interval.low > 0:
        return True
    if interval.high < smallest_gain:
        return False
    return None


def p_value(interval: Interval) -> float:
    """The two-sided p-value of "the true value is 0", from the interval's own t distribution.

    Args:
      interval: the interval of a difference.

    Returns:
      A number in [0, 1], below 1 - level exactly where the interval excludes 0.
    """
    from scipy.special import stdtr

    width = half_width(interval, interval.replicates)
    if width == 0:
        return 1.0 if interval.estimate == 0 else 0.0
    freedom = interval.degrees_of_freedom
    deviation = width / _t_quantile(freedom, interval.level)
    return float(2 * stdtr(freedom, -abs(interval.estimate) / deviation))


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Adjust p-values for the number of comparisons shown (Holm's step-down method).

    Comparing an adjusted value with 0.05 keeps the chance of even one false finding among all of
    them at 5 %, however the comparisons depend on each other. With the values sorted upwards and m
    of them, adjusted_k = max over j <= k of min(1, (m - j + 1) p_j).

    Args:
      p_values: `[comparisons]` in [0, 1].

    Returns:
      float64 `[comparisons]`, in the order given.

    Raises:
      UserError: a value outside [0, 1] or not a number.

    References:
      Holm (1979), Scandinavian Journal of Statistics 6(2).

    Example:
      >>> holm([0.01, 0.04, 0.03]).tolist()
      [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise UserError(f"p-values must be a list of numbers in [0, 1]; got {values.tolist()}")
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * values[order]))
    return adjusted


class _Table(NamedTuple):
    """An interval's fields of the same names, `[...]` each: one per leading index of the values."""

    estimate: Floats
    replicate_variance: Floats
    image_variance: Floats
    residual_variance: Floats
    image_degrees_of_freedom: Floats


def _table(values: Floats, groups: Sequence[NDArray[np.int64]]) -> _Table:
    """Mean and variance components of `[..., replicates, images]`, within groups of the images.

    Args:
      values: float64 `[..., replicates, images]`.
      groups: the indices of each class's images; for plain accuracy one group of all.
    """
    replicates = values.shape[-2]
    sizes = np.array([group.size for group in groups])
    origin = values[..., :1, :1]  # taken off, so that a constant table has exactly no variance
    rows = np.zeros(values.shape[:-1])
    v_i, residual = np.zeros(values.shape[:-2]), np.zeros(values.shape[:-2])
    for group, size in zip(groups, sizes, strict=True):
        cells = values[..., group] - origin
        row, column = cells.mean(-1), cells.mean(-2)
        rest = cells - row[..., :, None] - (column - column.mean(-1, keepdims=True))[..., None, :]
        e = np.square(rest).sum((-2, -1)) / ((replicates - 1) * (size - 1))
        rows += row / len(groups)
        v_i += column.var(-1, ddof=1) / size / len(groups) ** 2
        residual += e / size / len(groups) ** 2
    freedom = np.sum(1 / sizes) ** 2 / np.sum(1 / (sizes**2.0 * (sizes - 1)))
    return _Table(
        estimate=origin[..., 0, 0] + rows.mean(-1),
        replicate_variance=rows.var(-1, ddof=1) - residual,
        image_variance=v_i - residual / replicates,
        residual_variance=residual,
        image_degrees_of_freedom=freedom,
    )


def _half_width(
    parts: _Table | Interval, replicates: int | NDArray[np.int64], level: float
) -> tuple[Floats, Floats]:
    """Half the interval's width and its degrees of freedom, at any number of replicates."""
    v_e = np.asarray(parts.residual_variance) / replicates
    v_r = np.maximum(parts.replicate_variance / replicates + v_e, 0)
    v_i = np.maximum(parts.image_variance + v_e, 0)
    v = np.maximum(v_r + v_i - v_e, np.maximum(v_r, v_i))
    divisor = v_r**2 / (replicates - 1) + v_i**2 / parts.image_degrees_of_freedom
    freedom = np.broadcast_to(np.asarray(replicates - 1.0), v.shape).copy()
    np.divide(v**2, divisor, out=freedom, where=divisor > 0)
    return _t_quantile(freedom, level) * np.sqrt(v), freedom


def _t_quantile(freedom: Floats | float, level: float) -> Floats:
    """How many standard deviations a two-sided t interval reaches to each side."""
    from scipy.special import stdtrit

    return stdtrit(freedom, (1 + level) / 2)


def _check_gain(smallest_gain: float) -> None:
    if not smallest_gain > 0:
        raise UserError(f"smallest gain worth having: {smallest_gain}; give one above 0, say 0.01")


def _checked(
    values: ArrayLike, labels: ArrayLike | None, level: float
) -> tuple[Floats, list[NDArray[np.int64]]]:
    """The table as float64, and the indices of each class's images (all in one, without labels)."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise UserError(
            "an interval needs values [replicates, images] with at least 2 replicates and 2 test "
            f"images; got {list(values.shape)}"
        )
    if not np.isfinite(values).all():
        raise UserError("an interval needs finite values; some are NaN or infinite")
    if not 0 < level < 1:
        raise UserError(f"level must be between 0 and 1, such as 0.95; got {level}")
    if labels is None:
        return values, [np.arange(values.shape[1])]
    labels = np.asarray(labels)
    if labels.shape != values.shape[1:]:
        raise UserError(f"{values.shape[1]} test images need as many labels; got {labels.shape}")
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise UserError(
            "an interval for balanced accuracy needs at least 2 test images of every class; class "
            f"{classes[counts.argmin()]} has one"
        )
    return values, [np.flatnonzero(labels == label) for label in classes]
