"""The speed benchmarks run, print what they promise, and do the same work as their peers."""

import json
import sys

import jax
import pytest

from experiments.benchmarks import augment, classifier_step, compare, gan_step
from ganjax import models

TINY = ["--steps", "1", "--blocks", "1"]


def printed(main, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", *TINY, *arguments])
    main()
    return capsys.readouterr().out.strip().splitlines()[-1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gan_step_prints_one_line_of_json(precision, monkeypatch, capsys):
    flags = ["--width", "2", "--batch", "4", "--json", "--precision", precision]
    found = json.loads(printed(gan_step.main, flags, monkeypatch, capsys))
    assert found["min"] <= found["images_per_s"] <= found["max"]
    assert found["width"] == 2
    assert found["precision"] == precision


def test_classifier_step_prints_one_line_of_json(monkeypatch, capsys):
    flags = ["--width", "2", "--batch", "4", "--size", "8", "--json"]
    found = json.loads(printed(classifier_step.main, flags, monkeypatch, capsys))
    assert found["images_per_s"] > 0
    assert found["params"] > 0


def test_augment_prints_a_line_for_a_person(monkeypatch, capsys):
    line = printed(augment.main, ["--batch", "4", "--size", "8"], monkeypatch, capsys)
    assert "images/s" in line


@pytest.mark.parametrize(
    ("width", "channels", "generator", "discriminator"),
    [(32, 1, 369_601, 166_817), (64, 3, 1_068_931, 663_361)],
)
def test_the_networks_have_as_many_parameters_as_the_peers(
    width, channels, generator, discriminator
):
    """Counted by PyTorch in the peers' scripts; the ResNet's 77,850 are in test_resnet.py."""
    ours = (
        models.dcgan_generator(width=width, channels=channels),
        models.dcgan_discriminator(width=width, channels=channels),
    )
    counts = [models.parameter_count(jax.eval_shape(m.init, jax.random.key(0))) for m in ours]
    assert counts == [generator, discriminator]


PEER = """
import json, sys
print(json.dumps({"system": "peer", "images_per_s": 40.0 if "--nchw" in sys.argv else 50.0}))
"""
OURS = {"images_per_s": 100.0, "system": "ganjax"}


def test_compare_takes_the_best_form_of_the_peer_and_the_median_of_pairs(
    tmp_path, monkeypatch, capsys
):
    for script in compare.SCRIPTS.values():
        (tmp_path / f"{script}.py").write_text(PEER)
    rates = iter([100.0, 200.0, 150.0])
    run = compare.run

    def with_our_rates(command, flags):
        ours = "-m" in command
        return {**OURS, "images_per_s": next(rates)} if ours else run(command, flags)

    monkeypatch.setattr(compare, "run", with_our_rates)
    flags = ["--peers", str(tmp_path), "--only", "width 32", "--out", str(tmp_path), "--json"]
    monkeypatch.setattr(sys, "argv", ["compare", *flags])
    compare.main()
    (case,) = json.loads((tmp_path / "compare_cpu.json").read_text())["cases"].values()
    assert case["ratio"] == {"median": 3.0, "min": 2.0, "max": 4.0}
    assert [peer["images_per_s"] for peer in case["peer"]] == [50.0] * 3
    assert json.loads(capsys.readouterr().out)["cases"]


def test_compare_says_what_failed(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no torch here')")
    with pytest.raises(SystemExit, match=r"broken\.py --size 8 failed:\nno torch here"):
        compare.run([sys.executable, str(script)], "--size 8")
