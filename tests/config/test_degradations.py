"""The words for degradations are read, said back and refused in one line."""

import pytest

from ganjax.config import degradations
from ganjax.config.degradations import DegradationSpec, in_words, parse
from ganjax.errors import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("noise:25", [("noise", 25, 25)]),
        ("noise:5-55", [("noise", 5, 55)]),
        ("noise:0-55", [("noise", 0, 55)]),
        ("poisson:30", [("poisson", 30, 30)]),
        ("salt-pepper:0.1", [("salt-pepper", 0.1, 0.1)]),
        ("salt-pepper:.05-.1", [("salt-pepper", 0.05, 0.1)]),
        ("blur:1.6+noise:5", [("blur", 1.6, 1.6), ("noise", 5, 5)]),
        (" motion:9 + down:2-4 ", [("motion", 9, 9), ("down", 2, 4)]),
        ("box:0.25+strokes:0.2", [("box", 0.25, 0.25), ("strokes", 0.2, 0.2)]),
        ("jpeg:10-40", [("jpeg", 10, 40)]),
        ("denoise+deblock", [("noise", 25, 25), ("jpeg", 10, 10)]),
    ],
)
def test_what_is_typed_is_read_and_said_back(text, expected):
    specs = parse(text)
    assert [(spec.name, spec.low, spec.high) for spec in specs] == expected
    assert parse("+".join(map(str, specs))) == specs
    hash(specs)


def test_the_plain_form_keeps_all_digits():
    (spec,) = parse("noise:0.00001-123.456789012")
    assert str(spec) == "noise:0.00001-123.456789012"
    assert str(parse("poisson:10000")[0]) == "poisson:10000"


@pytest.mark.parametrize("text", degradations.PRESETS)
def test_every_preset_is_one_degradation(text):
    assert len(parse(text)) == 1


@pytest.mark.parametrize("name", degradations.KINDS)
def test_every_kinds_example_is_read_and_has_words(name):
    example = degradations.KINDS[name].example
    (spec,) = parse(f"{name}:{example}")
    assert "{" not in in_words([spec])
    percent = f"{100 * float(example):g} %"
    assert (example in in_words([spec])) or (percent in in_words([spec]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noise:25", "Gaussian noise of sigma 25"),
        ("noise:5-55", "Gaussian noise of sigma 5 to 55"),
        ("box:0.1-0.25", "a box over 10 to 25 % of the image"),
        (
            "blur:1.6+noise:5+jpeg:10",
            "Gaussian blur of sigma 1.6 pixels, Gaussian noise of sigma 5 and "
            "JPEG compression at quality 10, in random order",
        ),
    ],
)
def test_in_words(text, said):
    assert in_words(parse(text)) == said


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["missing", "noise:25", "denoise"]),
        ("noise:25+", ["missing", "'noise:25+'"]),
        ("nois:25", ["'nois'", "did you mean noise?", "jpeg:10", "super-resolve"]),
        ("denois", ["did you mean denoise?"]),
        ("rain:3\x1b", ["'rain'", "blur:1.6"]),
        ("denoise:15", ["denoise is short for noise:25", "write noise:AMOUNT"]),
        ("noise", ["a number from 0 to 255", "none is given", "noise:25"]),
        ("noise:", ["a number from 0 to 255, not ''"]),
        ("noise:much", ["not 'much'", "noise:25"]),
        ("noise:-5", ["from 0 to 255, not '-5'"]),
        ("noise:nan", ["not 'nan'"]),
        ("noise:٣", ["not '٣'"]),
        ("noise:300", ["from 0 to 255, not 300"]),
        ("noise:5-300", ["from 0 to 255, not 300"]),
        ("noise:55-5", ["from low to high, not 55-5"]),
        ("noise:0", ["above 0", "degrades nothing"]),
        ("down:1", ["above 1", "down:2"]),
        ("poisson:0.5", ["from 1 to 10000, not 0.5"]),
        ("box:25", ["fraction of the image", "from 0 to 0.9, not 25", "box:0.25"]),
        ("jpeg:10.5", ["whole number, not 10.5"]),
        ("jpeg:0", ["from 1 to 100, not 0"]),
        ("+".join(["noise:5"] * 7), ["at most 6", "not 7"]),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text, parts):
    with pytest.raises(UserError) as refused:
        parse(text)
    line = str(refused.value)
    assert line.isprintable()
    for part in parts:
        assert part in line


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1.0])
def test_a_spec_made_by_hand_is_checked_too(amount):
    with pytest.raises(UserError, match="noise:AMOUNT"):
        DegradationSpec("noise", amount, amount)
    with pytest.raises(UserError, match="there is no degradation 'rain'"):
        DegradationSpec("rain", 1, 1)
