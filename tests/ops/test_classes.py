"""Losses of classification against values worked out by hand, and at extreme logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.ops import classes, losses

LOGITS = jnp.array([[0.0, 0.0, 0.0], [1.0, 2.0, -3.0], [np.log(3.0), 0.0, 0.0]])
OTHERS = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, np.log(3.0), 0.0]])
LABELS = jnp.array([2, 0, 0], jnp.int32)
EXTREME = jnp.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [0.0, 0.0, 1e4]])


def softmax(logits):
    odds = np.exp(np.asarray(logits, np.float64))
    return odds / odds.sum(axis=1, keepdims=True)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_cross_entropy_is_minus_the_log_probability_of_the_label():
    found = jax.jit(classes.cross_entropy)(LOGITS, LABELS)
    close(found, [np.log(3), -np.log(softmax(LOGITS)[1, 0]), -np.log(3 / 5)])


def test_being_of_some_class_has_the_odds_of_all_classes_against_one():
    # Z / (Z + 1) with Z the sum of exp: 3, e + e^2 + e^-3, and 5
    sums = np.exp(np.asarray(LOGITS, np.float64)).sum(axis=1)
    logits = jax.jit(classes.some_class)(LOGITS)
    close(jax.nn.sigmoid(logits), sums / (sums + 1))
    # The discriminator of arXiv 1606.03498, section 5, is a softmax over K + 1 with a logit of 0
    of_all = softmax(np.concatenate([LOGITS, np.zeros((3, 1))], axis=1))
    of_others = jnp.flip(logits)
    expected = -np.log(1 - of_all[:, -1]) - np.log(of_all[::-1, -1])
    close(losses.minimax.discriminator(logits, of_others), expected)


def test_disagreement_is_the_squared_distance_of_probabilities():
    found = jax.jit(classes.disagreement)(LOGITS, OTHERS)
    middle = np.sum((softmax(LOGITS)[1] - 1 / 3) ** 2)
    close(found, [0.0, middle, 2 * 0.4**2])  # 3/5 1/5 1/5 and 1/5 3/5 1/5
    opposite = jnp.array([[50.0, -50.0]])
    close(classes.disagreement(opposite, -opposite), [2.0])


def test_entropy_is_that_of_the_probabilities():
    p = softmax(LOGITS)
    found = jax.jit(classes.entropy)(LOGITS)
    close(found, [np.log(3), -np.sum(p[1] * np.log(p[1])), -np.sum(p[2] * np.log(p[2]))])
    close(classes.entropy(jnp.array([[80.0, 0.0, 0.0]])), [0.0])


def test_aligned_answers_are_probabilities_times_what_is_wanted_over_what_is_found():
    wanted, found = jnp.array([0.5, 0.25, 0.25]), jnp.array([0.2, 0.2, 0.6])
    expected = softmax(LOGITS) * np.asarray(wanted / found)
    expected /= expected.sum(axis=1, keepdims=True)
    close(jax.nn.softmax(jax.jit(classes.aligned)(LOGITS, wanted, found)), expected)
    nothing = jnp.zeros(3)
    close(classes.aligned(LOGITS, nothing, nothing), LOGITS)  # nothing has been counted yet


def test_pseudo_labels_are_those_that_another_answer_is_sure_of():
    # 1/3 each, likeliest second with 0.73, likeliest second with 0.6
    others = jnp.stack([OTHERS[0], LOGITS[1], OTHERS[2]])
    second = -np.log(softmax(LOGITS)[:, 1])
    for confidence, sure in [(0.0, [2, 1, 1]), (0.6, [0, 1, 1]), (0.7, [0, 1, 0]), (0.8, [0] * 3)]:
        found = jax.jit(classes.pseudo_cross_entropy)(LOGITS, others, confidence)
        first = -np.log(softmax(LOGITS)[0, 0]) if sure[0] == 2 else 0.0
        close(found, [first, *(second[1:] * sure[1:])])
    assert not jax.grad(lambda o: classes.pseudo_cross_entropy(LOGITS, o, 0.5).sum())(others).any()


def test_gradients_are_those_of_the_formulas():
    p, one_hot = softmax(LOGITS), np.eye(3)[np.asarray(LABELS)]

    def gradient(values, *others):
        return jax.grad(lambda logits: jnp.sum(values(logits, *others)))(LOGITS)

    close(gradient(classes.cross_entropy, LABELS), p - one_hot)
    close(gradient(classes.some_class), p)
    mean_log = np.sum(p * np.log(p), axis=1, keepdims=True)
    close(gradient(classes.entropy), -p * (np.log(p) - mean_log))
    pull = 2 * (p - softmax(OTHERS))
    expected = p * (pull - np.sum(p * pull, axis=1, keepdims=True))
    close(gradient(classes.disagreement, OTHERS), expected)


@pytest.mark.parametrize(
    "values",
    [
        lambda logits: classes.cross_entropy(logits, jnp.array([1, 0, 0, 0], jnp.int32)),
        classes.some_class,
        lambda logits: classes.disagreement(logits, -logits),
        classes.entropy,
        lambda logits: classes.pseudo_cross_entropy(logits, -logits, 0.5),
    ],
    ids=["cross_entropy", "some_class", "disagreement", "entropy", "pseudo_cross_entropy"],
)
def test_extreme_logits_stay_finite(values):
    found, gradient = jax.value_and_grad(lambda logits: jnp.sum(values(logits)))(EXTREME)
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()


def test_other_shapes_are_refused():
    with pytest.raises(AssertionError):
        classes.cross_entropy(LOGITS, LABELS[:, None])
    with pytest.raises(AssertionError):
        classes.disagreement(LOGITS, OTHERS[:2])
    with pytest.raises(AssertionError):
        classes.pseudo_cross_entropy(LOGITS, OTHERS[:2], 0.5)
    with pytest.raises(AssertionError):
        classes.some_class(LOGITS[0])


def test_a_score_weighs_classes_alike_and_passes_over_those_without_images():
    """Three images of class 0, one of class 2, none of class 1."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.5, 0.2, 0.3]])
    probability, accuracy = jax.jit(classes.score)(
        jnp.log(jnp.asarray(probabilities, jnp.float32)), jnp.array([0, 0, 0, 2])
    )
    assert float(probability) == pytest.approx(((0.7 + 0.1 + 0.6) / 3 + 0.3) / 2)
    assert float(accuracy) == pytest.approx((2 / 3 + 0) / 2)
