"""Smoothing in time: brute force, published tie rules, what is missing, and what the model is for."""

import itertools

import numpy as np
import pytest
import xarray as xr

from soilloss.errors import DataError
from soilloss.landcover import smooth

RNG = np.random.default_rng(4)


def brute_force(labels, emission, transition, prior):
    """Posterior of each step and the best path over all sequences of classes."""
    steps, classes = len(labels), len(prior)
    posterior, best, most = np.zeros((steps, classes)), None, -1.0
    for path in itertools.product(range(classes), repeat=steps):
        p = prior[path[0]]
        for t, state in enumerate(path):
            p *= transition[path[t - 1], state] if t else 1
            p *= emission[t % len(emission), state, labels[t]]
        posterior[np.arange(steps), path] += p
        if p > most:
            best, most = path, p
    changes = [1 - _same(t, labels, emission, transition, prior) for t in range(1, steps)]
    return posterior / posterior.sum(1, keepdims=True), np.array(best) + 1, np.array([0, *changes])


def _same(t, labels, emission, transition, prior):
    steps, classes = len(labels), len(prior)
    total = same = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        p = prior[path[0]] * emission[0, path[0], labels[0]]
        for s in range(1, steps):
            p *= transition[path[s - 1], path[s]] * emission[s % len(emission), path[s], labels[s]]
        total += p
        same += p * (path[t] == path[t - 1])
    return same / total


@pytest.mark.parametrize("labels", [[1, 2, 3, 1], [3, 3, 0, 1], [0, 2, 2, 0], [2, 1, 0, 0]])
@pytest.mark.parametrize("classes", [3])
def test_forward_backward_and_viterbi_against_brute_force(labels, classes):
    counts = RNG.integers(1, 60, (2, classes, classes)) + 40 * np.eye(classes)
    transition = RNG.dirichlet(np.ones(classes), classes)
    prior = RNG.dirichlet(np.ones(classes))
    expected, path, change = brute_force(labels, smooth.emission_of(counts).astype("f8"), transition, prior)
    given = {"confusion": counts, "transition": transition, "prior": prior}
    found = smooth.hmm_smooth(np.array(labels), **given, posterior=True)
    np.testing.assert_allclose(found.posterior, expected, atol=2e-6)
    np.testing.assert_allclose(found.confidence, expected.max(1), atol=2e-6)
    np.testing.assert_allclose(found.change, change, atol=2e-6)
    assert found.labels.tolist() == (expected.argmax(1) + 1).tolist()
    assert smooth.hmm_smooth(np.array(labels), **given, path=True).labels.tolist() == path.tolist()


def test_probabilities_against_brute_force():
    probability = RNG.dirichlet(np.ones(3), 4)
    prior, transition = np.array([0.5, 0.3, 0.2]), RNG.dirichlet(np.ones(3), 3)
    emission = np.ones((4, 3, 5))
    emission[np.arange(4), :, 1 + np.arange(4)] = probability / prior  # one "observation" per step
    expected, _, _ = brute_force([1, 2, 3, 4], emission, transition, prior)
    found = smooth.hmm_smooth(probability, prior=prior, transition=transition, posterior=True)
    np.testing.assert_allclose(found.posterior, expected, rtol=1e-5, atol=1e-6)


def test_what_was_not_seen_says_nothing():
    """A missing step takes what its neighbours say; a cell that was never seen stays missing."""
    confusion = np.array([[80, 20], [20, 80]])
    found = smooth.hmm_smooth(np.array([[1, 0], [0, 0], [0, 0], [1, 0]]), confusion=confusion, posterior=True)
    assert found.labels.tolist() == [[1, 0]] * 4
    assert np.isnan(found.confidence[:, 1]).all()
    assert np.isnan(found.change[:, 1]).all()
    assert np.isnan(found.posterior[:, :, 1]).all()
    path = smooth.hmm_smooth(np.array([[1, 0], [0, 0], [0, 0], [1, 0]]), confusion=confusion, path=True)
    assert path.labels.tolist() == [[1, 0]] * 4
    probability = np.array([[0.9, 0.1], [np.nan, np.nan], [0.8, 0.2]])
    assert smooth.hmm_smooth(probability, prior=[0.5, 0.5]).labels.tolist() == [1, 1, 1]


def test_seasons_that_err_are_known():
    """In winter every second forest looks like bare land; in summer nobody errs: summers decide."""
    summer, winter = [[98, 2], [2, 98]], [[50, 50], [0, 100]]
    labels = np.array([2, 1, 2, 1, 2, 1, 2, 1])
    assert smooth.hmm_smooth(labels, confusion=[winter, summer], prior=[0.5, 0.5]).labels.tolist() == [1] * 8


def test_a_true_change_is_kept_and_dated():
    labels = np.array([1] * 10 + [4] * 10)
    labels[[3, 15]] = 7
    found = smooth.hmm_smooth(labels, confusion=80 * np.eye(8) + 3)
    assert found.labels.tolist() == [1] * 10 + [4] * 10
    assert found.change.argmax() == 10
    assert found.change[10] > 0.5 > found.change[[9, 11]].max()


def test_no_bit_depends_on_how_cells_are_cut():
    labels = RNG.integers(0, 9, (12, 700)).astype("u1")
    confusion = RNG.integers(1, 50, (4, 8, 8)) + 60 * np.eye(8)
    whole = smooth.hmm_smooth(labels, confusion=confusion, prior=np.full(8, 1 / 8), posterior=True)
    parts = [
        smooth.hmm_smooth(labels[:, cut], confusion=confusion, prior=np.full(8, 1 / 8), posterior=True)
        for cut in (slice(0, 37), slice(37, 500), slice(500, 700))
    ]
    for name in ("labels", "confidence", "change", "posterior"):
        together = np.concatenate([getattr(part, name) for part in parts], axis=-1)
        np.testing.assert_array_equal(together, getattr(whole, name))


def test_forbidden_moves_do_not_happen():
    transition = smooth.sticky_transitions(3, change_rate=0.5, forbidden=[(1, 2)])
    assert transition[0, 1] == 0
    np.testing.assert_allclose(transition.sum(1), 1, rtol=1e-6)
    labels = np.array([1, 1, 2, 2])
    path = smooth.hmm_smooth(labels, confusion=[[90, 9, 1], [9, 90, 1], [1, 1, 98]], transition=transition, path=True)
    steps = list(itertools.pairwise(path.labels.tolist()))
    assert (1, 2) not in steps


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 1, 2, 1, 1, 3, 3, 3, 2, 3], [1, 1, 1, 1, 1, 3, 3, 3, 3, 3]),
        ([1, 1, 2, 2, 3, 3, 1, 2], [1, 1, 2, 2, 3, 3, 3, 2]),
        ([4, 4, 4, 6, 4, 4, 4], [4] * 7),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([1, 3, 2, 3, 1], [1, 3, 3, 3, 1]),
        ([1, 1, 2, 3, 3], [1, 1, 1, 3, 3]),
    ],
)
def test_majority_ties_and_ends(labels, expected):
    assert smooth.majority_filter(np.array(labels)).tolist() == expected


def test_majority_keeps_shape_type_and_gaps():
    labels = np.array([[[1, np.nan]], [[1, 2]], [[2, 2]]], "f4")
    out = smooth.majority_filter(labels, window=3)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, np.array([[[1, np.nan]], [[1, 2]], [[2, 2]]], "f4"))
    assert smooth.majority_filter(labels, window=3, fill=True)[0, 0, 1] == 2
    data = xr.DataArray(np.array([1, 2, 1, 1], "u1"), dims="time", attrs={"units": ""})
    filtered = smooth.majority_filter(data)
    assert isinstance(filtered, xr.DataArray)
    assert filtered.values.tolist() == [1, 1, 1, 1]


def test_mean_probability_leaves_out_what_is_missing():
    given = np.array([[0.8, 0.2], [np.nan, np.nan], [0.4, 0.6], [np.nan, np.nan], [np.nan, np.nan]])
    mean = smooth.mean_probability(given, window=3)
    np.testing.assert_allclose(mean[:3], [[0.8, 0.2], [0.6, 0.4], [0.4, 0.6]], rtol=1e-6)
    assert np.isnan(mean[4]).all()


def test_shares():
    assert smooth.class_shares(np.zeros((2, 3), "u1"), 4).tolist() == [0.25] * 4
    probability = np.array([[[0.9], [0.1]], [[np.nan], [np.nan]]])
    own = smooth.hmm_smooth(probability, posterior=True).posterior
    np.testing.assert_array_equal(own, smooth.hmm_smooth(probability, prior=[0.9, 0.1], posterior=True).posterior)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: smooth.majority_filter([1, 2], window=4), "odd number of steps"),
        (lambda: smooth.majority_filter([1, 300]), "from 0 .missing. to 255"),
        (lambda: smooth.sticky_transitions(change_rate=2), "share of cells that change"),
        (lambda: smooth.emission_of(np.ones((2, 3))), "expected counts"),
        (lambda: smooth.hmm_smooth(np.ones((2, 3, 4)), path=True), "leave path out"),
        (lambda: smooth.hmm_smooth(np.ones(3), confusion=np.eye(2), prior=[1, 1, 1]), "those of 2 classes"),
        (lambda: smooth.hmm_smooth(np.ones(3), confusion=np.eye(2), season=[0, 0]), "for each step"),
    ],
)
def test_mistakes_are_sentences(call, words):
    with pytest.raises(DataError, match=words):
        call()
