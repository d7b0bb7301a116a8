"""Progress is plain lines where nobody watches, and a bar where somebody does."""

import io

from rich.console import Console

from ganjax import terminal
from ganjax.progress import Silent
from ganjax.terminal import Terminal


def written(**console):
    file = io.StringIO()
    return file, Terminal(Console(file=file, width=120, **console))


def test_without_a_terminal_a_finished_stage_is_one_plain_line():
    file, progress = written()
    with progress.stage("train the GAN", 2000, "updates") as tick:
        for done in range(100, 2001, 100):
            tick(done, "generator 0.70")
    (line,) = file.getvalue().splitlines()
    assert line.startswith("  train the GAN: 2,000/2,000 updates, ")
    assert line.endswith("/s (generator 0.70)")
    assert "\x1b" not in line


def test_without_a_terminal_a_line_now_and_then_tells_what_is_left(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(terminal, "monotonic", lambda: clock[0])
    file, progress = written()
    with progress.stage("train", 100, "updates") as tick:
        for done in range(10, 100, 10):
            clock[0] += 4.0
            tick(done)
    lines = file.getvalue().splitlines()
    assert lines == [
        "  train: 30/100 updates, 2.5/s, 28 s left",
        "  train: 60/100 updates, 2.5/s, 16 s left",
        "  train: 90/100 updates, 2.5/s, 4 s left",
    ]


def test_neither_compiling_nor_what_an_earlier_run_did_counts_in_the_rate(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(terminal, "monotonic", lambda: clock[0])
    file, progress = written()
    with progress.stage("train", 1000, "updates") as tick:
        clock[0] = 60.0  # it compiled, and goes on from update 800
        tick(820)
        clock[0] = 72.0
        tick(844)
        clock[0] = 84.0  # it goes back to update 830
        tick(830)
        clock[0] = 94.0
        tick(880)
    assert file.getvalue().splitlines() == [
        "  train: 820/1,000 updates",
        "  train: 844/1,000 updates, 2/s, 78 s left",
        "  train: 830/1,000 updates",
        "  train: 880/1,000 updates, 5/s, 24 s left",
    ]


def test_a_stage_of_unknown_length_tells_only_how_far_it_is(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(terminal, "monotonic", lambda: clock[0])
    file, progress = written()
    with progress.stage("read the images", 0, "images") as tick:
        tick(1)
        clock[0] = 20.0
        tick(500)
    assert file.getvalue().splitlines() == ["  read the images: 500 images, 25/s"]


def test_on_a_terminal_a_bar_shows_the_stage_its_total_and_its_note():
    file, progress = written(force_terminal=True)
    with progress.stage("train the GAN", 50, "updates") as tick:
        tick(50, "generator 0.70")
    text = file.getvalue()
    for part in ("train the GAN", "50/50", "updates/s", "generator 0.70"):
        assert part in text


def test_a_stage_that_fails_passes_its_error_on():
    for terminal_or_not in (True, False):
        _, progress = written(force_terminal=terminal_or_not)
        try:
            with progress.stage("train", 5, "updates"):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            continue
        raise AssertionError("swallowed")


def test_lines_are_shown_as_they_are_with_brackets():
    file, progress = written()
    progress.say("classes [red] and [/blue]")
    assert file.getvalue() == "classes [red] and [/blue]\n"


def test_progress_is_drawn_on_standard_error(capsys):
    progress = Terminal()
    progress.say("hello")
    with progress.stage("read", 1, "images") as tick:
        tick(1)
    output = capsys.readouterr()
    assert output.out == ""
    assert "hello" in output.err
    assert "read: 1/1 images" in output.err


def test_a_library_is_silent(capsys):
    progress = Silent()
    progress.say("hello")
    with progress.stage("read", 1, "images") as tick:
        tick(1)
        tick(1, "note")
    assert capsys.readouterr() == ("", "")
