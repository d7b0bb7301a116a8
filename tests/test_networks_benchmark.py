"""The benchmark of networks runs, and prints a row per network and width."""

import sys

from experiments.benchmarks import networks
from ganjax import models


def generator(width, **shape):
    return models.mlp_generator(**shape, widths=(width,))


def discriminator(width, **shape):
    return models.mlp_discriminator(**shape, widths=(width,))


def test_a_row_tells_both_times_and_both_counts(monkeypatch, capsys):
    mlp = networks.Network(generator, discriminator, networks.PLAIN)
    monkeypatch.setitem(networks.NETWORKS, "mlp", mlp)
    flags = ["--cases", "mlp:2", "--size", "8", "--batch", "2", "--steps", "1", "--blocks", "1"]
    monkeypatch.setattr(sys, "argv", ["networks", *flags])
    networks.main()
    heading, row = capsys.readouterr().out.strip().splitlines()
    assert heading.split()[:2] == ["network", "width"]
    name, width, plain, own, *counts = row.split()
    assert (name, width) == ("mlp", "2")
    assert float(plain) > 0
    assert float(own) > 0
    assert len(counts) == 2


def test_every_network_of_the_cases_is_known():
    assert {case.split(":")[0] for case in networks.CASES} == set(networks.NETWORKS)
