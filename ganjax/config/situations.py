"""What the GAN's settings are where nobody gave them: by how many images there are of a class.

`experiments/sweep.py` compares settings, three draws of each, and never sees a test image;
`experiments/equal_time.py` compares them in the same time. By the customary game of `dcgan` (arXiv
1511.06434) images of a class all look alike; by that of arXiv 2501.05441, which compares each with
a real one, R1 and R2 beside it, they vary as real ones do. They go on getting better long after
2,000 updates; so batches are small, and R1 and R2, half the work, are reckoned in every fourth
update alone (arXiv 1912.04958).

A generator as fast as its discriminator outruns it: on all of Fashion-MNIST the discriminator ends
at a loss of log 2, it tells no pair apart, while after 250 updates a new one tells nine pairs of
ten apart. So the generator of `dcgan` has a quarter of its pace; and no T(x), which costs time and
without which samples come nearer, on Fashion-MNIST three times. With a constant T(x), slower
generators only come less near in the time there is: where one is given, both have one pace.

A quarter of the pace puts it off: after 20,000 updates the discriminator is as blind, and samples
get worse. So in long trainings the generator's learning rate falls to 0 over the updates there are,
and both networks begin the slower, the more there are: samples get better to the last. Short ones
of `dcgan` are left alone: in 4,000 updates that began at 2e-3 and fell to 0, samples came nearer in
each of twelve draws of the sweep, but those of cifar10_jpeg taught a classifier less.

The residual networks learn faster, the generator's rate falling in short trainings too, and without
momentum (beta1 0, as in arXiv 1809.11096 and 2501.05441): with it `modern` ended in blank images on
some seeds, its output driven so far below black that no gradient came back (trials that are not on
record).

Where images are few, a discriminator without T(x) knows them by heart: samples come nearer still,
but of 1,000 of some trainings (20 per class; not on record) 30 to 50 are as near to one image as
its copy. There T(x) comes as often as the discriminator overfits (arXiv 2006.06676): 0 to 5 were,
and samples taught as much.
"""

from math import sqrt
from typing import Any, Literal

Situation = Literal["auto", "tiny", "small", "large"]

LARGEST_FOR_MLP = 16
"""Side in pixels up to which a fully connected GAN serves small sets better, and faster."""

UP_TO: dict[str, float] = {"tiny": 50, "small": 500, "large": float("inf")}
"""Training images per class, on average, that a situation goes up to."""

_ALL: dict[str, Any] = {
    "network": "dcgan",
    "loss": "relativistic",
    "augment": "none",
    "augment_adaptive": False,
    "augment_strength": 0.5,
    "r1_weight": 1.0,
    "r2_weight": 1.0,
    "penalty_every": 4,
    "annealed": False,
    "batch_size": 32,
    "updates": 4000,
}

Transforms = Literal["none", "adaptive", "constant", "some"]
"""How T(x) comes: never, as often as the discriminator overfits, always; "some": as the situation
has it, but not never."""

_WITH: dict[str, dict[str, Any]] = {
    "none": {"augment": "none", "augment_adaptive": False},
    "adaptive": {"augment": "diffaugment", "augment_adaptive": True},
    "constant": {
        "augment": "diffaugment", "augment_adaptive": False, "learning_rate": 1e-3,
        "discriminator_pace": 1.0, "annealed": False,
    },
}  # fmt: skip
"""What the relativistic game has with each."""

SETTINGS: dict[str, dict[str, Any]] = {
    "tiny": {**_ALL, **_WITH["adaptive"]},
    "small": _ALL,
    "large": _ALL,
}
"""The values that depend on the situation."""

PACES: dict[str, dict[str, Any]] = {
    "dcgan": {"learning_rate": 2.5e-4, "discriminator_pace": 4.0, "beta1": 0.5},
    "resnet": {"learning_rate": 2e-3, "discriminator_pace": 1.0, "beta1": 0.0, "annealed": True},
    "modern": {"learning_rate": 1e-3, "discriminator_pace": 4.0, "beta1": 0.0, "annealed": True},
}
"""Adam's in the relativistic game: the generator's learning rate, the discriminator's as its
multiple, beta1 of both, and whether the generator's falls to 0. Residual branches begin as little
or nothing, and bear faster paces."""

LONG = 10_000
"""Updates above which a training by that game is long: every generator's learning rate falls to 0,
and both networks begin slower, by the square root of how many times as many updates there are.
Begun as fast as short ones, samples of `dcgan` end less near, and `resnet` may diverge."""

LONG_PACES: dict[str, dict[str, Any]] = {
    "dcgan": {}, "resnet": {"learning_rate": 1e-3, "discriminator_pace": 2.0}, "modern": {},
}  # fmt: skip
"""What differs at the beginning of the shortest long training."""

_CUSTOMARY: dict[str, Any] = {
    "loss": "non_saturating", "r1_weight": 0.1, "r2_weight": 0.0, "penalty_every": 1,
    "augment": "diffaugment", "augment_adaptive": False, "learning_rate": 2e-4,
    "discriminator_pace": 1.0, "beta1": 0.5, "annealed": False, "batch_size": 64, "updates": 2000,
}  # fmt: skip
"""Of `mlp`, and of any network by a loss that compares no pairs: the learning rate of
arXiv 1511.06434, R1 as in arXiv 1801.04406; more and smaller updates were not tried there."""


def situation_of(per_class: float) -> str:
    """Return the situation of a training set with so many images per class, on average."""
    return next(name for name, most in UP_TO.items() if per_class <= most)


def settings_for(
    situation: str,
    network: str,
    loss: str | None,
    size: int,
    per_class: float | None,
    *,
    updates: int | None = None,
    transforms: Transforms | None = None,
) -> dict[str, Any]:
    """Return the settings of a situation.

    Args:
      situation: "auto" chooses by `per_class`.
      network: "auto" for the situation's own, and `mlp` for small images.
      loss: what was given; a relativistic one needs both penalties, others do not.
      updates: what was given.
      transforms: what was given of T(x), if anything.
      size: of the images, in pixels a side.
      per_class: training images per class, on average; None where it is not known, as "small".

    Returns:
      Values of `GANConfig` by name, the situation and the network among them.
    """
    if situation == "auto":
        situation = "small" if per_class is None else situation_of(per_class)
    found = dict(SETTINGS[situation])
    if network == "auto":
        network = "mlp" if size <= LARGEST_FOR_MLP else found["network"]
    if network in PACES and loss in (None, found["loss"]):
        found |= _paces(network, updates or found["updates"])
        if transforms == "some":
            found |= _WITH["constant"] if found["augment"] == "none" else {}
        elif transforms:
            found |= _WITH[transforms]
    else:
        found |= _CUSTOMARY
        if loss == "relativistic":
            found |= {"loss": "relativistic", "r1_weight": 1.0, "r2_weight": 1.0}
        if network == "resnet":  # spectral normalisation is what holds its slope
            found["r1_weight"] = 0.0
        if network == "dcgan":
            found["learning_rate"] = _WITH["constant"]["learning_rate"]
    return {**found, "network": network, "situation": situation}


def _paces(network: str, updates: int) -> dict[str, Any]:
    """Return how fast the two networks learn in the relativistic game, in so many updates."""
    if updates <= LONG:
        return PACES[network]
    found = PACES[network] | LONG_PACES[network]
    slower = found["learning_rate"] * sqrt(LONG / updates)
    return {**found, "annealed": True, "learning_rate": slower}


def why(situation: str, per_class: float) -> str:
    """Say which situation a training is in, and by what."""
    if situation != situation_of(per_class):
        return f"situation {situation}, as given ({per_class:.3g} training images per class)"
    names = list(UP_TO)
    below = UP_TO[names[names.index(situation) - 1]] if situation != names[0] else 0
    bounds = f"at most {UP_TO[situation]:g}" if situation != names[-1] else f"more than {below:g}"
    return f"situation {situation}: {per_class:.3g} training images per class, {bounds}"
