"""Labels survive the round trip whatever the classes are called."""

import numpy as np
import pytest

from ganjax.data.export import write_labelled_images
from ganjax.data.sources import load

NAMES = [
    ("b", "a"),
    ("T-shirt/top", "Trouser", "Pullover"),
    tuple(str(i) for i in range(11)),
    ("train", "test"),
    ("test", "train"),
    ("a/b", "000_a_b"),
    ("a", "a"),
    ("A", "a"),
    (".h", "b"),
    ("é" * 300, "z"),
]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: "|".join(names)[:20])
def test_labels_survive(tmp_path, names):
    labels = np.arange(len(names), dtype=np.int32).repeat(2)
    images = np.broadcast_to(labels[:, None, None, None] * 7, (len(labels), 8, 8, 1))
    write_labelled_images(tmp_path / "out", images.astype(np.uint8), labels, names)
    back, test = load(f"folder:{tmp_path / 'out'}")
    assert test is None
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_array_equal(back.images[:, 0, 0, 0], labels * 7)
