"""From a detector's answers to the share of images that carry each transform, with an interval.

The network errs, so its answers are no shares yet. On real images that it was not trained on, its
mean answers are measured without transforms (a), and, with each of them on or off at random (z),
fitted by least squares to a + B z + C (products of pairs of z). The shares p of the samples that
carry each transform are those for which

    a + B p + C (products of pairs of p) = mean answers on the samples,    0 <= p <= 1,

each equation for its own transform, or at the bound. The interval is over the images, drawn again
(bootstrap); it says nothing of how else samples differ from real images, which a network may take
for a transform. So a second question must confirm a leak: what samples carry already, they cannot
be given again. Where a transform is applied to them, its mean answer rises less than it does on
real images (r), and as little as on real images that went through it before (r'):

    confirmed share = (r - rise on the samples) / (r - r')
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.data.dataset import Dataset
from ganjax.data.loader import shuffled_order
from ganjax.errors import UserError
from ganjax.ops import policy as policies
from ganjax.synthesis.leak.detector import Detector
from ganjax.typing import Key

FEWEST, MOST_HELD_OUT, MOST_GENERATED = 40, 1000, 2000

ANSWERS = 4000
"""Transformed real images that the network is asked of, at least."""

MARGIN = 0.1
"""The smallest share of samples that is worth a warning."""

LEAST_RISE = 0.05
"""What the mean answer must rise by with its transform, for that to be seen at all."""

SWEEPS, BOOTSTRAPS, LEVEL = 20, 500, 0.95


@dataclass(frozen=True)
class Leak:
    """What was found of one transform; plain numbers, for a report.

    Attributes:
      transform: what it does, in words.
      seen: whether the detector can tell it at all; the numbers are None where it cannot.
      real: the share of real images that seem to carry it: near 0 if the detector is right.
      share: the share of generated images that seem to carry it.
      low: the lower end of its 95 % interval.
      high: the upper end.
      confirmed_low: the lower end of the 95 % interval of the confirmed share.
      confirmed_high: its upper end.
      verdict: "leaks": the interval lies above 0.1, and that of the confirmed share above 0; "does
        not leak": one of them lies below 0.1; "cannot tell"; or "cannot be seen".
    """

    transform: str
    seen: bool
    real: float | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None
    confirmed_low: float | None = None
    confirmed_high: float | None = None
    verdict: str = "cannot be seen"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


class Answers(NamedTuple):
    """What the network says of real images: with k transforms, float64.

    Attributes:
      plain: `[n, k]`, as they are.
      once: `[n, k]`, of each transform where it alone was applied.
      twice: `[n, k]`, where it was applied twice.
      some: `[n, turns, k]`, with some transforms applied, in several turns.
      applied: `[n, turns, k]`, which: 0 or 1.
    """

    plain: np.ndarray
    once: np.ndarray
    twice: np.ndarray
    some: np.ndarray
    applied: np.ndarray


class Samples(NamedTuple):
    """What the network says of images in question: `plain` and `once` as of `Answers`."""

    plain: np.ndarray
    once: np.ndarray


class Shares(NamedTuple):
    """Per transform `[k]`: whether it is seen, the share, and the ends of both intervals."""

    seen: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    confirmed_low: np.ndarray
    confirmed_high: np.ndarray


def leaks(detector: Detector, held_out: Dataset, generated: np.ndarray, key: Key) -> list[Leak]:
    """Say of each transform which share of generated images carries it.

    Args:
      detector: of `train_detector`.
      held_out: real images that it was not trained on, at least 40, padded as those were; their
        classes as frequent as among the generated ones.
      generated: uint8 `[n, size, size, channels]`, at least 40.
      key: of the transforms that are applied.

    Returns:
      One result per transform of the policy, in its order.

    Raises:
      UserError: there are too few images.
    """
    if min(len(held_out), len(generated)) < FEWEST:
        raise UserError(
            f"leaks need at least {FEWEST} held-out and {FEWEST} generated images, not "
            f"{len(held_out)} and {len(generated)}"
        )
    real = held_out.images[shuffled_order(len(held_out), key)[:MOST_HELD_OUT]]
    made = generated[shuffled_order(len(generated), key)[:MOST_GENERATED]]
    real_key, made_key = jax.random.split(key)
    on_real, on_made = ask(detector, real, real_key), ask_samples(detector, made, made_key)
    found = shares(on_real, on_made)
    # Of the real images, one half calibrates for the other, to see what is found where nothing is
    half = np.arange(len(real)) < len(real) // 2
    calibrating = Answers(*(values[half] for values in on_real))
    control = shares(calibrating, Samples(on_real.plain[~half], on_real.once[~half]))
    return [
        _leak(policies.describe((transform,), detector.strength), j, found, control)
        for j, transform in enumerate(detector.policy)
    ]


def ask(detector: Detector, images: np.ndarray, key: Key) -> Answers:
    """Ask of real images all that tells how the network errs, until there are answers enough.

    Args:
      detector: what is asked.
      images: uint8 `[n, size, size, channels]`.
      key: of the transforms, and of which are applied.
    """
    shape = (len(images), len(detector.policy))
    turns = max(2, -(-ANSWERS // len(images)))
    samples_key, random_key, first_key, *keys = jax.random.split(key, turns + 3)
    applied = np.asarray(jax.random.bernoulli(random_key, 0.5, (turns, *shape)))
    some = [detector.answers(images, own, on) for own, on in zip(keys, applied, strict=True)]
    plain, once = ask_samples(detector, images, samples_key)
    twice = [
        detector.answers(detector.apply(images, first_key, on), samples_key, on)[:, j]
        for j, on in enumerate(_one_at_a_time(shape))
    ]
    return Answers(
        plain,
        once,
        np.stack(twice, axis=1),
        np.stack(some, axis=1),
        np.moveaxis(applied, 0, 1).astype(np.float64),
    )


def ask_samples(detector: Detector, images: np.ndarray, key: Key) -> Samples:
    """Ask of images as they are, and with each transform applied by itself."""
    shape = (len(images), len(detector.policy))
    once = [
        detector.answers(images, jax.random.fold_in(key, j), on)[:, j]
        for j, on in enumerate(_one_at_a_time(shape))
    ]
    return Samples(detector.answers(images, key, np.zeros(shape, bool)), np.stack(once, axis=1))


def _one_at_a_time(shape: tuple[int, int]) -> np.ndarray:
    """Return for each transform that it alone is applied: bool `[k, n, k]`."""
    return np.repeat(np.eye(shape[1], dtype=bool)[:, None], shape[0], axis=1)


def shares(real: Answers, made: Samples, *, seed: int = 0) -> Shares:
    """Return the shares that explain what the network says of some images, and their intervals.

    Args:
      real: its answers on real images, which tell how it errs.
      made: its answers on the images in question.
      seed: of the images that are drawn again.
    """
    rng = np.random.default_rng(seed)
    on_real, on_made = (_times(len(answers.plain), rng) for answers in (real, made))
    plain, effects = _levels(real, on_real)
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    rises = np.diagonal(effects[:, : len(plain[0])], axis1=1, axis2=2)
    seen = (rises[0] >= LEAST_RISE) & (np.quantile(rises[1:], ends[0], axis=0) >= LEAST_RISE / 2)
    found = _solved(plain, effects, on_made @ made.plain, seen)
    first, again, own = (
        on_real @ (real.once - real.plain),
        on_real @ (real.twice - real.once),
        on_made @ (made.once - made.plain),
    )
    confirmed = (first - own) / np.maximum(first - again, LEAST_RISE / 5)
    return Shares(
        seen, found[0], *np.quantile(found[1:], ends, axis=0), *np.quantile(confirmed[1:], ends, 0)
    )


def _times(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how much each image counts: all alike at first, then as often as it is drawn again.

    Returns:
      float64 `[1 + BOOTSTRAPS, count]`, rows of the sum 1.
    """
    drawn = rng.multinomial(count, np.full(count, 1 / count), BOOTSTRAPS)
    return np.concatenate([np.ones((1, count)), drawn]) / count


def _levels(real: Answers, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the mean answers, with each image counted so many times.

    Args:
      real: answers on n images.
      times: float `[b, n]`, each row for a fit of its own, of the sum 1.

    Returns:
      Those without transforms, `[b, k]`; and the effects of transforms and of their pairs on them,
      `[b, k + k (k - 1) / 2, k]`.
    """
    plain = times @ real.plain
    terms = _with_pairs(real.applied)
    ones = np.einsum("ntp->np", terms)
    squares = np.einsum("ntp,ntq->npq", terms, terms)
    products = np.einsum("ntp,ntk->npk", terms, real.some)

    def summed(values: np.ndarray) -> np.ndarray:
        found = times @ values.reshape(len(values), -1)
        return found.reshape(len(times), *values.shape[1:])

    left = summed(products) - summed(ones)[:, :, None] * plain[:, None]
    ridge = 1e-6 * np.eye(terms.shape[-1])
    return plain, np.linalg.solve(summed(squares) + ridge, left)


def _with_pairs(shares: np.ndarray) -> np.ndarray:
    """Return `[..., k]` with the products of its pairs: `[..., k + k (k - 1) / 2]`."""
    one, other = np.triu_indices(shares.shape[-1], 1)
    return np.concatenate([shares, shares[..., one] * shares[..., other]], axis=-1)


def _solved(
    plain: np.ndarray, effects: np.ndarray, answers: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Return the shares `[b, k]` that explain mean answers `[b, k]`; 0 for what is not seen.

    Each equation is linear in its own share while the others stay: they are solved in turn.
    """
    found = np.zeros_like(answers)
    for _ in range(SWEEPS):
        for j in np.flatnonzero(seen):
            without, with_all = found.copy(), found.copy()
            without[:, j], with_all[:, j] = 0, 1
            level, full = (
                plain[:, j] + np.einsum("bp,bp->b", _with_pairs(shares), effects[:, :, j])
                for shares in (without, with_all)
            )
            rise = np.maximum(full - level, LEAST_RISE / 2)
            found[:, j] = np.clip((answers[:, j] - level) / rise, 0, 1)
    return found


def _leak(transform: str, j: int, found: Shares, control: Shares) -> Leak:
    """Put what was found of transform j into words."""
    transform = transform.removesuffix(", no mirroring")
    if not found.seen[j]:
        return Leak(transform, False)
    leak = Leak(
        transform,
        True,
        real=float(control.share[j]),
        share=float(found.share[j]),
        low=float(found.low[j]),
        high=float(found.high[j]),
        confirmed_low=float(found.confirmed_low[j]),
        confirmed_high=float(found.confirmed_high[j]),
        verdict="cannot tell",
    )
    if found.low[j] > MARGIN and found.confirmed_low[j] > 0:
        return replace(leak, verdict="leaks")
    if found.high[j] < MARGIN or found.confirmed_high[j] < MARGIN:
        return replace(leak, verdict="does not leak")
    return leak
