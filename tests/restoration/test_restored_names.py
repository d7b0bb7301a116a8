"""What restored images are called: no two the same, wherever they go."""

import pytest

from ganjax.restoration.names import restored_names


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.jpg", "b/a.PNG", "b/c.d.tif"], ["a.png", "b/a.png", "b/c.d.png"]),
        (["a.jpg", "a.png", "b.png"], ["a.jpg.png", "a.png.png", "b.png"]),
        (["A.jpg", "a.gif"], ["A.jpg.png", "a.gif.png"]),
        (["a.jpg", "A.JPG"], ["a.jpg.png", "A.JPG~2.png"]),
        (["a.jpg", "a.jpg.png", "a.png"], ["a.jpg~2.png", "a.jpg.png", "a.png.png"]),
        (["e\u0301.jpg", "\u00e9.png"], ["e\u0301.jpg.png", "\u00e9.png.png"]),
        (["images[0]", "images[1]"], ["images[0].png", "images[1].png"]),
        (["a/x.jpg", "b/x.png"], ["a/x.png", "b/x.png"]),
    ],
)
def test_names_stay_and_are_told_apart(files, names):
    assert restored_names(files) == names
