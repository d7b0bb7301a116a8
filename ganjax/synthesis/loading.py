"""`ganjax.load`: what a run has learnt, as pure functions of arrays."""

from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp

from ganjax.errors import UserError, quoted
from ganjax.synthesis import trained
from ganjax.synthesis.classifiers import NoClassifierError, load_classifier
from ganjax.synthesis.classifying import Calibrated
from ganjax.synthesis.trained import Trained
from ganjax.typing import Array, Key


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a run has learnt. Its methods are pure: they may be jitted, mapped and differentiated.

    Attributes:
      class_names: what labels mean; empty for a generator without labels.
      size: side of the images in pixels.
      channels: 1 or 3.
      generator: its trained GAN, or None.
      classifier: its classifier, or None.
      lacks: what it has not, and what to do about it, a line each by name.
    """

    class_names: tuple[str, ...]
    size: int
    channels: int
    generator: Trained | None
    classifier: Calibrated | None
    lacks: dict[str, str]

    def sample(self, key: Key, labels: Array) -> Array:
        """Draw an image for each label; image i depends on `fold_in(key, i)` and its label alone.

        Args:
          key: a typed key.
          labels: int32 `[count]`, indices into `class_names`.

        Returns:
          float32 `[count, size, size, channels]` in [-1, 1].

        Raises:
          UserError: the run has no generator.
        """
        if self.generator is None:
            raise UserError(self.lacks["generator"])
        return self.generator.gan.sample(self.generator.state, key, jnp.asarray(labels, jnp.int32))

    def logits(self, images: Array) -> Array:
        """Return a logit for each class, as it was trained.

        Args:
          images: `[batch, size, size, channels]`, uint8, or float32 in [-1, 1].

        Returns:
          float32 `[batch, classes]`. Where several classifiers differ in their seeds only, the
          logarithm of the mean of their probabilities.

        Raises:
          UserError: the run has no classifier, or the images have another shape.
        """
        return self._classifier().logits(images)

    def probabilities(self, images: Array) -> Array:
        """Return the probability of each class, calibrated on images that were not trained on.

        Args and Raises: as of `logits`.

        Returns:
          float32 `[batch, classes]`: the softmax of the logits divided by the temperature.
        """
        return self._classifier().probabilities(images)

    def _classifier(self) -> Calibrated:
        if self.classifier is None:
            raise UserError(self.lacks["classifier"])
        return self.classifier


def load(run: Path | str, *, arm: str | None = None, replicate: int | None = None) -> Loaded:
    """Load what a run has learnt, as pure functions; its training images are not needed.

    Args:
      run: the --out of a `ganjax train` or `ganjax study`, or STUDY/replicates/N.
      arm: of a study: whose classifier; by default that of the verdict, as of
        `ganjax.synthesis.classifiers.load_classifier`.
      replicate: of a study: from which draw; 0 by default.

    Returns:
      `sample(key, labels)` of its generator, `logits(images)` and `probabilities(images)` of its
      classifier, and `class_names`. What a run has not raises `UserError` when it is called.

    Raises:
      UserError: there is no such run, arm or replicate; or its files are damaged.

    Example:
      >>> import jax, ganjax
      >>> run = ganjax.load("runs/digits")
      >>> images = run.sample(jax.random.key(0), jax.numpy.arange(4))
      >>> probabilities = jax.jit(run.probabilities)(images)
      >>> probabilities.shape == (4, len(run.class_names))
      True
    """
    lacks: dict[str, str] = {}
    classifier = None
    try:
        classifier = load_classifier(run, arm=arm, replicate=replicate)
    except NoClassifierError as error:
        if arm is not None:
            raise
        lacks["classifier"] = str(error)
    folder = Path(run).expanduser()
    if (folder / "replicates").is_dir():
        folder = folder / "replicates" / str(replicate or 0)
    gan = None
    if (folder / "generator.json").exists():
        gan = trained.load(folder)
    else:
        lacks["generator"] = f"{quoted(folder)} has no generator"
    if classifier is not None:
        shape = (classifier.class_names, classifier.size, classifier.channels)
    elif gan is not None:
        shape = (gan.description.class_names, gan.description.size, gan.description.channels)
    else:
        raise UserError(lacks["classifier"])
    return Loaded(*shape, gan, classifier, lacks)
