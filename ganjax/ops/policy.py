"""Policies: which random transforms images pass, in which order and how far.

A policy is a tuple of `Transform(op, limit)`, a plain hashable value: policies are joined with `+`,
and compared and closed over by jitted functions like any other constant.

    T = policy.classical()
    print(policy.describe(T))
    real, fake = policy.apply(T, key_real, real), policy.apply(T, key_fake, fake)

No policy mirrors images unless it is asked to: a mirrored digit or letter is another sign.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.ops import augment
from ganjax.typing import Array, Key

__all__ = ["Policy", "Transform", "apply", "classical", "describe", "diffaugment", "none"]


class Transform(NamedTuple):
    """One random op and how far it goes.

    Attributes:
      op: `op(key, images, *, limit)`, as the `random_...` functions of `ganjax.ops.augment`; a
        function of a module, so that equal policies compare equal. It is given one image at a time
        (a batch of one, under `vmap`), with a key of that image's own.
      limit: the largest amount drawn at strength 1, in the unit of the op.
    """

    op: Callable[..., Array]
    limit: float


Policy: TypeAlias = tuple[Transform, ...]

_FLIPS = (augment.random_horizontal_flip, augment.random_vertical_flip)
_PHRASES: dict[Callable[..., Array], str] = {
    augment.random_horizontal_flip: "mirror left and right with probability {:.3g}",
    augment.random_vertical_flip: "mirror top and bottom with probability {:.3g}",
    augment.random_rotate: "rotate up to {:.3g} degrees",
    augment.random_translate: "translate up to {:.3g} of the size",
    augment.random_crop: "crop after padding by {:.3g} of the size",
    augment.random_resized_crop: "crop up to {:.3g} of each side and resize",
    augment.random_brightness: "brightness up to +-{:.3g}",
    augment.random_contrast: "contrast up to +-{:.0%}",
    augment.random_saturation: "saturation up to +-{:.0%}",
    augment.random_cutout: "cut out a square of {:.3g} of the size",
}


def apply(
    policy: Policy,
    key: Key,
    images: Array,
    *,
    strength: ArrayLike = 1.0,
    probability: ArrayLike | None = None,
    first: ArrayLike = 0,
) -> Array:
    """Passes images through every transform of a policy, each image by itself.

    Image i draws from `fold_in(key, first + i)` alone: it is transformed the same whatever stands
    beside it, however large the batch is and over however many devices it is spread.

    A transform draws up to `limit * strength`. The probability of a flip grows with the strength
    too but stays at most 0.5, where an image and its mirror are equally common.

    Args:
      policy: the transforms, in order.
      key: a typed key.
      images: float `[batch, height, width, channels]`, nominally in [-1, 1].
      strength: at least 0, a number or a traced scalar; 0 returns the images exactly.
      probability: of each transform to be applied to an image, in [0, 1], may be traced; None for
        always. Below about 0.8 no generator can mistake transformed images for real ones
        (arXiv 2006.06676, section 2.2).
      first: the number of the first image, an int or a traced scalar: where these images are a
        part of a batch, how many of it come before them.

    Returns:
      An array of the shape and dtype of `images`.
    """
    chex.assert_rank(images, 4)
    if not policy:
        return images

    def transformed(number: Array, image: Array) -> Array:
        image_key, batch_of_one = jax.random.fold_in(key, number), image[None]
        for index, transform in enumerate(policy):
            limit, own_key = _limit(transform, strength), jax.random.fold_in(image_key, index)
            if probability is not None:  # a transform that goes nowhere returns the image exactly
                own_key, applied_key = jax.random.split(own_key)
                limit *= jax.random.bernoulli(applied_key, probability)
            batch_of_one = transform.op(own_key, batch_of_one, limit=limit)
        return batch_of_one[0]

    return jax.vmap(transformed)(jnp.arange(images.shape[0]) + first, images)


def none() -> Policy:
    """The policy without transforms.

    Returns:
      The empty policy.
    """
    return ()


def classical(*, flip: bool = False, cutout: float = 0.0) -> Policy:
    """The customary augmentation of small image classifiers: small moves and changes of exposure.

    Args:
      flip: also mirror left and right; only for images whose mirror image has the same label.
      cutout: also cover a square of this side, a fraction of the size; 0 leaves it out.

    Returns:
      The policy.
    """
    policy: Policy = (
        Transform(augment.random_rotate, 15.0),
        Transform(augment.random_scale, 0.15),
        Transform(augment.random_translate, 0.125),
        Transform(augment.random_contrast, 0.2),
        Transform(augment.random_brightness, 0.2),
    )
    if flip:
        policy = (Transform(augment.random_horizontal_flip, 0.5), *policy)
    if cutout:
        policy = (*policy, Transform(augment.random_cutout, cutout))
    return policy


def diffaugment(*, flip: bool = False) -> Policy:
    """The policy "color, translation, cutout" for GANs on few images.

    Zhao et al. 2020, arXiv 2006.10738. Brightness by up to a quarter of the range, saturation from
    0 to 2, contrast from 0.5 to 1.5, translation by up to 1/8 and a cutout of 1/2 of the size.
    Unlike theirs, translation moves by parts of pixels, both fill with black rather than mid-grey,
    and saturation is around the luma, contrast around each channel's own mean.

    Args:
      flip: also mirror left and right; only for images whose mirror image has the same label.

    Returns:
      The policy.
    """
    policy: Policy = (
        Transform(augment.random_brightness, 0.5),
        Transform(augment.random_saturation, 1.0),
        Transform(augment.random_contrast, 0.5),
        Transform(augment.random_translate, 0.125),
        Transform(augment.random_cutout, 0.5),
    )
    return (Transform(augment.random_horizontal_flip, 0.5), *policy) if flip else policy


def describe(policy: Policy, strength: float = 1.0) -> str:
    """Says in one line what a policy does, and always whether it mirrors.

    Args:
      policy: the transforms.
      strength: the strength they are applied at, a number.

    Returns:
      For example "rotate up to 15 degrees, translate up to 0.125 of the size, no mirroring".
    """
    limits = [(op, float(_limit(Transform(op, limit), strength))) for op, limit in policy]
    active = [(op, limit) for op, limit in limits if limit > 0]
    phrases = [_phrase(op, limit) for op, limit in active] or ["no transforms"]
    if not any(op in _FLIPS for op, _ in active):
        phrases.append("no mirroring")
    return ", ".join(phrases)


def _limit(transform: Transform, strength: ArrayLike) -> Array:
    """The limit at a strength; a probability of flipping stays at most 0.5."""
    limit = jnp.asarray(transform.limit * strength, jnp.float32)
    return jnp.minimum(limit, 0.5) if transform.op in _FLIPS else limit


def _phrase(op: Callable[..., Array], limit: float) -> str:
    if op is augment.random_scale:
        return f"scale up to {1 + limit:.3g}-fold"
    name = getattr(op, "__name__", repr(op))
    return _PHRASES.get(op, name + " up to {:.3g}").format(limit)
