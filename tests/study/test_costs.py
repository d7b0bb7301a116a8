"""The seconds of a training's parts: of all runs, those that were stopped too."""

from time import sleep

import pytest

from ganjax.study.costs import Costs


def test_what_a_stopped_run_spent_is_not_forgotten(tmp_path):
    file = tmp_path / "training" / "seconds.json"

    @Costs(file).of("gan")
    def train():
        sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    stopped = Costs(file)
    spent = stopped.seconds["gan"]
    assert spent >= 0.049  # to a millisecond
    with stopped.of("gan"):
        sleep(0.05)
    with stopped.of("classifiers"):
        pass
    assert stopped.seconds["gan"] >= spent + 0.049
    assert Costs(file).seconds == stopped.seconds
    assert stopped.share(2)["gan"] == pytest.approx(stopped.seconds["gan"] / 2, abs=1e-3)
