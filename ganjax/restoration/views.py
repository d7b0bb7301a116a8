"""The features by which restored images are compared with their originals, and who names them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ganjax.data.loader import pad_to_power_of_two
from ganjax.evaluate.features import Seen
from ganjax.metrics.texture import texture_distance
from ganjax.progress import Progress
from ganjax.restoration.originals import Originals
from ganjax.restoration.seen import train_classifier


class View(NamedTuple):
    """What images look like to who judges.

    Attributes:
      name: of the features, for a person.
      distance: of images to their originals, with what is seen of both: float64 `[n]`.
      see: uint8 images to what a classifier sees of them; of none, without features.
    """

    name: str
    distance: Callable[[np.ndarray, np.ndarray, Seen, Seen], np.ndarray]
    see: Callable[[np.ndarray], Seen]


def view_of(originals: Originals, data_dir: str | None, progress: Progress) -> View:
    """Return the features for some originals: a classifier's where there are labels.

    Args:
      originals: what is evaluated on.
      data_dir: where prepared TFDS sets are.
      progress: where to tell how far it is.

    Raises:
      UserError: no classifier can be trained on the source of the labels.
    """
    if originals.labels is None or originals.classes_from is None:
        return View(
            "the local strength of three bands of spatial frequency, in grey levels",
            lambda images, others, seen, others_seen: texture_distance(images, others),
            lambda images: Seen(np.zeros((len(images), 0), np.float32), None),
        )
    classifier = train_classifier(
        originals.classes_from,
        originals.images[0].shape,
        data_dir=data_dir,
        without=originals.images if originals.within else (),
        progress=progress,
    )

    def see(images: np.ndarray) -> Seen:
        return classifier.look(pad_to_power_of_two(images))

    return View(f"{classifier.name}, relative to their size", _relative, see)


def _relative(
    images: np.ndarray, originals: np.ndarray, seen: Seen, of_originals: Seen
) -> np.ndarray:
    """Return the distance of features in parts of the originals' own length."""
    apart = np.linalg.norm(seen.features - of_originals.features, axis=1)
    return apart / np.maximum(np.linalg.norm(of_originals.features, axis=1), 1e-6)
