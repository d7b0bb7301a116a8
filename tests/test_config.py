"""Configurations are checked when made, survive JSON, and guard the folders of their runs."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import recipe
from ganjax.config import (
    ClassifierConfig,
    GANConfig,
    JointConfig,
    Reading,
    StudyConfig,
    TrainConfig,
    claim_folder,
    differences,
    study_preset,
    to_json,
)
from ganjax.errors import UserError


def from_json(stored: dict) -> StudyConfig:
    values = dict(stored)
    values["gan"] = GANConfig(**values["gan"])
    values["classifier"] = ClassifierConfig(**values["classifier"])
    values["joint"] = JointConfig(**values["joint"])
    values["reading"] = Reading(**values["reading"])
    return StudyConfig(**values)


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_a_study_comes_back_from_json_equal(preset):
    config = study_preset(preset, "digits", per_class=7, seed=3)
    assert from_json(json.loads(json.dumps(to_json(config), allow_nan=False))) == config


def test_a_list_read_from_json_becomes_a_tuple_of_floats():
    config = ClassifierConfig(ratios=[0, 1], strengths=[0, 2])
    assert config.ratios == (0.0, 1.0)
    assert all(type(value) is float for value in config.ratios + config.strengths)
    hash(config)


BAD = [
    (StudyConfig, {"per_class": 0}, "--per-class must be at least 2", "not 0"),
    (StudyConfig, {"per_class": 1}, "--per-class must be at least 2", "not 1"),
    (StudyConfig, {"per_class": -3}, "--per-class must be at least 2", "not -3"),
    (StudyConfig, {"replicates": 2}, "--replicates must be at least 3", "not 2"),
    (StudyConfig, {"seed": -1}, "seed must be at least 0", "not -1"),
    (StudyConfig, {"seed": 2**32}, "seed must be at most 4294967295", "not 4294967296"),
    (StudyConfig, {"pool": 0}, "pool must be at least 1", "not 0"),
    (StudyConfig, {"smallest_gain": 0.0}, "smallest_gain must be above 0", "not 0.0"),
    (StudyConfig, {"smallest_gain": float("nan")}, "smallest_gain must be above 0", "not nan"),
    (StudyConfig, {"test_fraction": 0.0}, "test_fraction must be between 0 and 1", "not 0.0"),
    (StudyConfig, {"test_fraction": 1.0}, "test_fraction must be between 0 and 1", "not 1.0"),
    (StudyConfig, {"validation_fraction": 1.5}, "validation_fraction must be between", "not 1.5"),
    (TrainConfig, {"per_class": 0}, "--per-class must be at least 1", "not 0"),
    (TrainConfig, {"seed": -1}, "seed must be at least 0", "not -1"),
    (TrainConfig, {"seed": 2**70}, "seed must be at most 4294967295", f"not {2**70}"),
    (
        GANConfig,
        {"network": "big"},
        "network must be one of auto, mlp, dcgan, resnet, modern",
        "not 'big'",
    ),
    (GANConfig, {"loss": "huber"}, "loss must be one of non_saturating, minimax", "not 'huber'"),
    (GANConfig, {"augment": "flip"}, "augment must be one of diffaugment, classical", "not 'flip'"),
    (GANConfig, {"updates": 0}, "updates must be at least 1", "not 0"),
    (GANConfig, {"latent_size": 0}, "latent_size must be at least 1", "not 0"),
    (GANConfig, {"width": 0}, "width must be at least 1", "not 0"),
    (GANConfig, {"batch_size": 1}, "batch_size must be at least 2", "not 1"),
    (GANConfig, {"r1_weight": -0.1}, "r1_weight must be at least 0", "not -0.1"),
    (GANConfig, {"r1_weight": float("nan")}, "r1_weight must be at least 0", "not nan"),
    (GANConfig, {"lecam_weight": -1.0}, "lecam_weight must be at least 0", "not -1.0"),
    (GANConfig, {"beta1": 1.0}, "beta1 must be at least 0 and below 1", "not 1.0"),
    (GANConfig, {"loss": "three_terms", "augment": "none"}, "three_terms needs T(x)", ""),
    (GANConfig, {"augment_strength": -1.0}, "augment_strength must be at least 0", "not -1.0"),
    (GANConfig, {"learning_rate": 0.0}, "learning_rate must be above 0", "not 0.0"),
    (GANConfig, {"ema_decay": 1.0}, "ema_decay must be at least 0 and below 1", "not 1.0"),
    (ClassifierConfig, {"updates": 0}, "updates must be at least 1", "not 0"),
    (ClassifierConfig, {"seeds": 0}, "seeds must be at least 1", "not 0"),
    (ClassifierConfig, {"batch_size": 1}, "batch_size must be at least 2", "not 1"),
    (ClassifierConfig, {"learning_rate": -1.0}, "learning_rate must be above 0", "not -1.0"),
    (
        ClassifierConfig,
        {"updates": 41, "evaluations": 2},
        "updates (41) must be a multiple of evaluations (2)",
        "",
    ),
    (ClassifierConfig, {"ratios": (0.25, 0.5)}, "ratios must begin with 0", "(0.25, 0.5)"),
    (ClassifierConfig, {"ratios": (0.0,)}, "ratios must begin with 0 and rise, with", "(0.0,)"),
    (ClassifierConfig, {"ratios": ()}, "ratios must begin with 0", "()"),
    (ClassifierConfig, {"ratios": (0.0, 0.5, 0.25)}, "ratios must begin with 0 and rise", "0.25"),
    (ClassifierConfig, {"ratios": (0.0, 0.5, 0.5)}, "ratios must begin with 0 and rise", "0.5"),
    (ClassifierConfig, {"ratios": (0.0, 1.5)}, "at most 1", "not 1.5"),
    (ClassifierConfig, {"strengths": (1.0, 2.0)}, "strengths must begin with 0", "(1.0, 2.0)"),
]


@pytest.mark.parametrize(
    ("kind", "values", "allowed", "given"),
    BAD,
    ids=[f"{kind.__name__}-{values}" for kind, values, _, _ in BAD],
)
def test_what_cannot_be_used_is_refused_with_the_value_and_what_is_allowed(
    kind, values, allowed, given
):
    source = {"source": "digits"} if kind in (StudyConfig, TrainConfig) else {}
    with pytest.raises(UserError) as error:
        kind(**source, **values)
    assert allowed in str(error.value)
    assert given in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="preset must be one of quick, standard, thorough") as error:
        study_preset("fast", "digits")
    assert "not 'fast'" in str(error.value)


def test_what_is_given_wins_over_the_preset_and_none_does_not():
    config = study_preset("quick", "digits", replicates=4, per_class=None)
    assert (config.preset, config.replicates, config.per_class) == ("quick", 4, 20)


def test_presets_rise_in_cost():
    quick, standard, thorough = (
        study_preset(preset, "digits") for preset in ("quick", "standard", "thorough")
    )
    for smaller, larger in ((quick, standard), (standard, thorough)):
        assert smaller.replicates < larger.replicates
        assert smaller.gan.for_data(8).updates < larger.gan.for_data(8).updates
        assert smaller.classifier.updates < larger.classifier.updates


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_every_preset_keeps_the_promises_of_a_study(preset):
    config = study_preset(preset, "digits")
    assert config.per_class == 20
    assert {0.0, 0.25, 0.5} <= set(config.classifier.ratios)
    assert config.classifier.strengths[0] == 0
    assert not config.classifier.flip


def test_small_images_get_a_fully_connected_gan_and_large_ones_a_convolutional_one():
    assert (GANConfig().for_data(16).network, GANConfig().for_data(16).width) == ("mlp", 128)
    assert (GANConfig().for_data(32).network, GANConfig().for_data(32).width) == ("dcgan", 32)


@pytest.mark.parametrize(
    ("per_class", "situation"), [(50, "tiny"), (50.5, "small"), (500, "small"), (501, "large")]
)
def test_the_situation_follows_from_the_images_of_a_class(per_class, situation):
    found = GANConfig().for_data(32, per_class)
    assert found.situation == situation
    assert None not in vars(found).values()
    assert found.for_data(8, 1) == found  # nothing is left to fill in
    words = found.in_words(per_class)
    assert words.startswith(f"situation {situation}: {per_class:g} training images per class")
    assert f"{found.updates:,} updates of {found.batch_size} images" in words


@pytest.mark.parametrize("per_class", [15, 100, 6000])
def test_the_generator_of_dcgan_learns_more_slowly_than_its_discriminator(per_class):
    def paces(**given):
        found = GANConfig(**given).for_data(32, per_class)
        return found.learning_rate, found.discriminator_learning_rate

    assert paces() == (2.5e-4, 1e-3)
    assert paces(learning_rate=1e-4) == (1e-4, 4e-4)
    assert paces(learning_rate=1e-4, discriminator_pace=1.0) == (1e-4, 1e-4)
    assert paces(augment_adaptive=True) == paces(augment="none") == (2.5e-4, 1e-3)
    assert paces(augment="diffaugment") == paces(loss="hinge") == (1e-3, 1e-3)
    few = per_class == 15  # T(x) is there, as often as it overfits: its strength changes no more
    assert paces(augment_strength=0.3) == ((2.5e-4, 1e-3) if few else (1e-3, 1e-3))
    assert paces(augment="diffaugment", discriminator_pace=2.0) == (1e-3, 2e-3)
    assert paces(network="resnet") == (2e-3, 2e-3)
    assert paces(network="modern") == paces(network="modern", augment="none") == (1e-3, 4e-3)
    assert paces(network="resnet", augment="diffaugment") == (1e-3, 1e-3)
    assert paces(network="mlp", augment="none") == (2e-4, 2e-4)
    assert paces(network="modern", loss="hinge") == (2e-4, 2e-4)


def test_residual_networks_learn_without_momentum():
    def beta1(**given):
        return GANConfig(**given).for_data(32, 100).beta1

    assert beta1(network="resnet") == beta1(network="modern") == 0.0
    assert beta1() == beta1(network="resnet", loss="hinge") == beta1(network="mlp") == 0.5
    assert beta1(network="resnet", beta1=0.5) == 0.5
    assert beta1(network="modern", augment="diffaugment") == 0.0


@pytest.mark.parametrize(
    ("network", "short", "long"),
    [
        ("dcgan", (False, 2.5e-4, 1e-3), (True, 1.25e-4, 5e-4)),
        ("resnet", (True, 2e-3, 2e-3), (True, 5e-4, 1e-3)),
        ("modern", (True, 1e-3, 4e-3), (True, 5e-4, 2e-3)),
    ],
)
def test_long_trainings_are_annealed_and_begin_slower(network, short, long):
    def paces(**given):
        found = GANConfig(network=network, **given).for_data(32, 100)
        return found.annealed, found.learning_rate, found.discriminator_learning_rate

    assert paces() == paces(updates=10_000) == short
    assert paces(updates=40_000) == paces(updates=40_000, augment_adaptive=True) == long
    assert paces(updates=10_001)[0]


@pytest.mark.parametrize(
    "given",
    [
        {"augment": "diffaugment"},
        {"loss": "hinge"},
        {"network": "mlp"},
        {"annealed": False, "learning_rate": 3e-4},
    ],
)
def test_other_long_trainings_are_as_short_ones(given):
    short, long = (GANConfig(updates=n, **given).for_data(32, 100) for n in (4000, 40_000))
    assert not long.annealed
    assert long == dataclasses.replace(short, updates=40_000)


def test_what_is_given_of_a_long_training_is_kept():
    long = GANConfig(updates=40_000, learning_rate=3e-4).for_data(32, 100)
    assert long.annealed
    assert long.learning_rate == 3e-4
    assert GANConfig(annealed=True).for_data(32, 100).annealed


def test_the_generators_learning_rate_falls_to_0_over_the_updates():
    given = {"learning_rate": 2e-3, "discriminator_pace": 1.0, "beta1": 0.0}
    config = GANConfig(updates=4, annealed=True, **given).for_data(32, 100)
    ones = jnp.ones(3)

    def lengths(optimizer):
        state, found = optimizer.init(ones), []
        for _ in range(5):
            change, state = optimizer.update(ones, state, ones)
            found.append(float(-change[0]))
        return found

    both = recipe.optimizers(config)
    cosine = [2e-3 * (1 + math.cos(math.pi * done / 4)) / 2 for done in range(5)]
    np.testing.assert_allclose(lengths(both["generator_optimizer"]), cosine, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(lengths(both["discriminator_optimizer"]), 2e-3, rtol=1e-3)
    constant = recipe.optimizers(dataclasses.replace(config, annealed=False))
    np.testing.assert_allclose(lengths(constant["generator_optimizer"]), 2e-3, rtol=1e-3)


def test_both_paces_are_told_where_they_differ():
    own = GANConfig().for_data(32, 6000).in_words(6000)
    assert "learning rate 0.00025 (discriminator 0.001), no" in own
    long = GANConfig(updates=20_000).for_data(32, 6000).in_words(6000)
    assert "learning rate 0.000177 falling to 0 (discriminator 0.000707), no" in long
    customary = GANConfig(network="mlp").for_data(32, 100).in_words(100)
    assert "learning rate 0.0002, " in customary
    residual = GANConfig(network="resnet").for_data(32, 100).in_words(100)
    assert "learning rate 0.002 falling to 0 (discriminator 0.002), beta1 0, " in residual
    with pytest.raises(UserError, match="discriminator_pace must be above 0, not 0"):
        GANConfig(discriminator_pace=0)


@pytest.mark.parametrize(
    ("per_class", "own"),
    [(15, ("diffaugment", True)), (100, ("none", False)), (6000, ("none", False))],
)
def test_a_discriminator_sees_transforms_where_images_are_few_as_often_as_it_overfits(
    per_class, own
):
    def transforms(**given):
        found = GANConfig(**given).for_data(32, per_class)
        return found.augment, found.augment_adaptive

    constant = "diffaugment", False
    assert transforms() == transforms(augment_strength=0.0) == own
    assert transforms(augment="none") == ("none", False)
    assert transforms(augment="classical") == ("classical", False)
    assert transforms(augment="classical", augment_adaptive=True) == ("classical", True)
    assert transforms(augment_adaptive=True) == ("diffaugment", True)
    assert transforms(augment="diffaugment") == constant
    assert transforms(augment_strength=0.3) == (own if own[0] != "none" else constant)
    assert transforms(network="resnet") == transforms(network="modern") == own
    for other in ({"loss": "three_terms"}, {"loss": "hinge"}, {"network": "mlp"}):
        assert transforms(**other) == constant
        assert transforms(**other, augment_adaptive=True) == ("diffaugment", True)


@pytest.mark.parametrize("per_class", [15, 100])
@pytest.mark.parametrize(
    "given",
    [{}, {"augment": "none"}, {"augment": "diffaugment"}, {"augment_adaptive": True}],
    ids=["nothing", "none", "constant", "adaptive"],
)
def test_a_complete_configuration_is_the_same_in_every_situation(per_class, given):
    own = GANConfig(**given).for_data(32, per_class)
    for situation in ("tiny", "small", "large"):
        other = dataclasses.replace(own, situation=situation)
        assert other.for_data(32, per_class) == other


def test_what_is_given_stays_and_is_said_to_be_given():
    own = GANConfig(situation="large", updates=7, r1_weight=0.0, loss="hinge").for_data(32, 10)
    assert (own.situation, own.updates, own.r1_weight, own.loss) == ("large", 7, 0.0, "hinge")
    assert "situation large, as given (10 training images per class)" in own.in_words(10)


@pytest.mark.parametrize(
    ("network", "loss", "r1_weight", "r2_weight"),
    [
        ("dcgan", "relativistic", 1.0, 1.0),
        ("resnet", "relativistic", 1.0, 1.0),
        ("modern", "relativistic", 1.0, 1.0),
        ("mlp", "non_saturating", 0.1, 0.0),
    ],
)
def test_every_network_but_mlp_is_trained_by_the_relativistic_game(
    network, loss, r1_weight, r2_weight
):
    own = GANConfig(network=network).for_data(32, 100)
    assert (own.loss, own.r1_weight, own.r2_weight) == (loss, r1_weight, r2_weight)
    assert GANConfig(network=network, loss="minimax").for_data(32, 100).loss == "minimax"


def test_only_the_relativistic_game_has_small_batches_and_seldom_penalties():
    def custom(config):
        found = config.for_data(32, 100)
        return found.penalty_every, found.batch_size, found.updates

    for network in ("auto", "dcgan", "resnet", "modern"):
        assert custom(GANConfig(network=network)) == (4, 32, 4000)
        assert custom(GANConfig(network=network, loss="hinge")) == (1, 64, 2000)
    assert custom(GANConfig(network="mlp", loss="relativistic")) == (1, 64, 2000)
    assert custom(GANConfig(penalty_every=2, batch_size=8, updates=5)) == (2, 8, 5)


@pytest.mark.parametrize("network", ["dcgan", "modern"])
def test_a_loss_that_compares_no_pairs_has_the_customary_penalty(network):
    own = GANConfig(network=network, loss="hinge").for_data(32, 100)
    assert (own.r1_weight, own.r2_weight) == (0.1, 0.0)
    both = GANConfig(network=network, loss="hinge", r2_weight=0.5).for_data(32, 100)
    assert (both.r1_weight, both.r2_weight) == (0.1, 0.5)


def test_the_slope_of_resnet_is_held_by_spectral_normalisation_or_by_both_penalties():
    def parts(**given):
        config = GANConfig(network="resnet", width=4, **given)
        _, discriminator = recipe.networks(config, size=32, channels=1, classes=2)
        return set(jax.eval_shape(discriminator.init, jax.random.key(0)))

    assert parts() == parts(loss="hinge", r1_weight=1.0, r2_weight=1.0) == {"params"}
    for given in ({"loss": "hinge"}, {"r2_weight": 0.0}, {"loss": "hinge", "r1_weight": 1.0}):
        assert len(parts(**given)) == 2


def test_an_unknown_situation_is_refused():
    with pytest.raises(UserError, match="situation must be one of auto, tiny, small, large"):
        GANConfig(situation="huge")


def test_equal_configurations_do_not_differ():
    config = to_json(study_preset("quick", "digits"))
    assert differences(config, config) == []


def test_differences_name_the_field_and_both_values():
    one = study_preset("quick", "digits")
    other = dataclasses.replace(one, seed=5, gan=dataclasses.replace(one.gan, width=64))
    assert differences(to_json(one), to_json(other)) == [
        "seed: 0, not 5",
        "gan.width: None, not 64",
    ]


def test_differences_name_fields_that_only_one_has():
    assert differences({"a": 1}, {"b": {"c": 2}}) == ["a: 1, not None", "b: None, not {'c': 2}"]


CONFIG = TrainConfig("digits")


def stored(folder, content):
    folder.mkdir()
    (folder / "config.json").write_text(content)
    return folder


def test_a_missing_or_an_empty_folder_is_free_and_stays_as_it_is(tmp_path):
    assert claim_folder(tmp_path / "new", CONFIG) is None
    assert not (tmp_path / "new").exists()
    assert claim_folder(tmp_path, CONFIG) is None
    assert not any(tmp_path.iterdir())


def test_a_folder_of_the_same_run_gives_its_configuration(tmp_path):
    folder = stored(tmp_path / "run", json.dumps(to_json(CONFIG)))
    assert claim_folder(folder, CONFIG) == to_json(CONFIG)


def test_a_folder_of_another_run_is_refused_with_what_differs(tmp_path):
    other = TrainConfig("digits", seed=1, gan=GANConfig(updates=5))
    folder = stored(tmp_path / "run", json.dumps(to_json(other)))
    with pytest.raises(UserError, match=r"another run .*seed: 1, not 0; gan\.updates: 5, not None"):
        claim_folder(folder, CONFIG)


def test_a_run_of_an_earlier_version_is_refused_by_what_it_did_not_have(tmp_path):
    before = to_json(CONFIG)
    del before["gan"]["discriminator_pace"]  # None: as if it had not been there
    folder = stored(tmp_path / "run", json.dumps(before))
    assert claim_folder(folder, CONFIG) == before
    del before["gan"]["latent_size"]
    folder = stored(tmp_path / "other", json.dumps(before))
    with pytest.raises(UserError, match=r"earlier version, which had no gan\.latent_size: give"):
        claim_folder(folder, CONFIG)


@pytest.mark.parametrize(("one", "other"), [(TrainConfig, StudyConfig), (StudyConfig, TrainConfig)])
def test_a_run_of_another_command_is_not_one_of_an_earlier_version(tmp_path, one, other):
    folder = stored(tmp_path / "run", json.dumps(to_json(other("digits"))))
    with pytest.raises(UserError, match="holds another run"):
        claim_folder(folder, one("digits"))


def test_many_differences_are_cut_short(tmp_path):
    other = TrainConfig("folder:x", seed=1, per_class=4, gan=GANConfig(updates=5, width=3))
    folder = stored(tmp_path / "run", json.dumps(to_json(other)))
    with pytest.raises(UserError, match=r"; \.\.\.\)") as error:
        claim_folder(folder, CONFIG)
    assert "gan.updates" not in str(error.value)


@pytest.mark.parametrize("content", ["no json", "[1, 2]", "null", '"text"'])
def test_a_config_that_is_none_of_ours_is_refused(tmp_path, content):
    with pytest.raises(UserError, match="give a new folder"):
        claim_folder(stored(tmp_path / "run", content), CONFIG)


def test_files_that_are_no_run_are_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="no ganjax run; give a new folder"):
        claim_folder(tmp_path, CONFIG)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; give a folder"):
        claim_folder(tmp_path / "file", CONFIG)
