"""Hidden Markov models of many cells: forward-backward and Viterbi, time first.

Cells lie side by side in lanes, so that the inner loops run over cells and have no branches. Everything is float32;
each step is divided by its sum, so that a hundred steps neither vanish nor overflow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 256


@njit(nogil=True, cache=True)
def smooth_labels(labels, season, emission, transition, prior, best, outlook, posterior):
    """Most probable class of each step, given the observed classes of all steps.

    Parameters
    ----------
    labels : uint8 array (time, cells)
        Observed classes, 0 where nothing was seen.
    season : int64 array (time,)
        Row of `emission` that holds at each step.
    emission : float32 array (season, class, observed class)
        How probable an observation is; classes count from 0, observed ones from 1, and 0, nothing seen, is 1 for all.
    transition : float32 array (class, class)
        How probable a move from one step to the next is, rows from.
    prior : float32 array (class,)
        How probable the classes are at the first step.
    best : uint8 array (time, cells)
        Filled with classes from 1; 0 where a cell was never seen.
    outlook : float32 array (2, time, cells)
        Filled with the probability of that class, and with that of a change since the step before.
    posterior : float32 array (time, class, cells), or without cells
        Filled with the probability of each class if it has cells.
    """
    steps, cells = labels.shape
    classes = prior.size
    evidence = np.empty((steps, classes, LANES), np.float32)
    forward = np.empty((steps, classes, LANES), np.float32)
    totals = np.empty((steps, LANES), np.float32)
    seen = np.empty(LANES, np.bool_)
    codes = np.zeros(LANES, np.uint8)
    for start in range(0, cells, LANES):
        width = min(LANES, cells - start)
        seen[:] = False
        for step in range(steps):
            codes[:width] = labels[step, start : start + width]
            seen |= codes > 0
            for state in range(classes):
                table, out = emission[season[step], state], evidence[step, state]
                for lane in range(LANES):
                    out[lane] = table[codes[lane]]
        _forward(evidence, transition, prior, totals, forward)
        _backward(evidence, forward, transition, totals, seen, start, best, outlook, posterior)


@njit(nogil=True, cache=True)
def smooth_probabilities(probability, weight, transition, prior, best, outlook, posterior):
    """Most probable class of each step, given the probabilities that a classifier found; see `smooth_labels`.

    Parameters
    ----------
    probability : float32 array (time, class, cells)
        NaN where nothing was seen.
    weight : float32 array (class,)
        What probabilities are multiplied by to become likelihoods: one over the class's share.
    transition, prior, best, outlook, posterior : arrays
        As for `smooth_labels`.
    """
    steps, classes, cells = probability.shape
    evidence = np.empty((steps, classes, LANES), np.float32)
    forward = np.empty((steps, classes, LANES), np.float32)
    totals = np.empty((steps, LANES), np.float32)
    seen = np.empty(LANES, np.bool_)
    for start in range(0, cells, LANES):
        width = min(LANES, cells - start)
        seen[:] = False
        for step in range(steps):
            for state in range(classes):
                for lane in range(LANES):
                    value = probability[step, state, start + lane] if lane < width else np.float32(np.nan)
                    seen[lane] |= value == value
                    # never quite impossible: one overconfident step must not overrule all others
                    likelihood = max(value, np.float32(1e-6)) * weight[state]
                    evidence[step, state, lane] = likelihood if value == value else 1
        _forward(evidence, transition, prior, totals, forward)
        _backward(evidence, forward, transition, totals, seen, start, best, outlook, posterior)


@njit(nogil=True, cache=True)
def _forward(evidence, transition, prior, totals, forward):
    """Fill `forward` with the probability of each class given the steps so far, `totals` with what they summed to."""
    steps, classes = forward.shape[:2]
    for step in range(steps):
        total = totals[step]
        total[:] = 0
        for state in range(classes):
            out, seen = forward[step, state], evidence[step, state]
            if step == 0:
                out[:] = prior[state]
            else:
                _mix(transition[:, state], forward[step - 1], out)
            for lane in range(LANES):
                out[lane] *= seen[lane]
                total[lane] += out[lane]
        for lane in range(LANES):
            total[lane] = 1 / total[lane]
        for state in range(classes):
            out = forward[step, state]
            for lane in range(LANES):
                out[lane] *= total[lane]


@njit(nogil=True, cache=True)
def _mix(shares, sources, out):
    """Fill `out` with the sum of `sources`, each times its share; two at a time, to write half as often."""
    out[:] = 0
    for one in range(0, shares.size - 1, 2):
        first, second = shares[one], shares[one + 1]
        left, right = sources[one], sources[one + 1]
        for lane in range(LANES):
            out[lane] += first * left[lane] + second * right[lane]
    if shares.size % 2:
        last, source = shares[-1], sources[-1]
        for lane in range(LANES):
            out[lane] += last * source[lane]


@njit(nogil=True, cache=True)
def _backward(evidence, forward, transition, totals, seen, start, best, outlook, posterior):
    """Go back through the steps and write each class's product of what came before and after."""
    steps, classes = forward.shape[:2]
    later = np.ones((classes, LANES), np.float32)  # how well each class explains the later steps
    weighed = np.empty((classes, LANES), np.float32)
    same = np.empty(LANES, np.float32)
    whole = np.empty(LANES, np.float32)
    for step in range(steps - 1, -1, -1):
        _choose(forward[step], later, seen, start, step, best, outlook, posterior)
        if step == 0:
            break
        same[:] = 0
        whole[:] = 0
        for state in range(classes):
            stay = transition[state, state]
            out, past, after = weighed[state], forward[step - 1, state], later[state]
            shown = evidence[step, state]
            for lane in range(LANES):
                out[lane] = shown[lane] * after[lane] * totals[step, lane]
                same[lane] += past[lane] * stay * out[lane]
        for former in range(classes):
            out, past = later[former], forward[step - 1, former]
            _mix(transition[former], weighed, out)
            for lane in range(LANES):
                whole[lane] += past[lane] * out[lane]
        for lane in range(min(LANES, best.shape[1] - start)):
            change = max(1 - same[lane] / whole[lane], np.float32(0))
            outlook[1, step, start + lane] = change if seen[lane] else np.nan


@njit(nogil=True, cache=True)
def _choose(forward, later, seen, start, step, best, outlook, posterior):
    """Write the class of a step with the largest product of what came before and after."""
    classes = forward.shape[0]
    width = min(LANES, best.shape[1] - start)
    most = np.full(LANES, np.float32(-1))
    total = np.zeros(LANES, np.float32)
    found = np.zeros(LANES, np.uint8)
    for state in range(classes):
        past, after, code = forward[state], later[state], np.uint8(state + 1)
        for lane in range(LANES):
            value = past[lane] * after[lane]
            total[lane] += value
            found[lane] = code if value > most[lane] else found[lane]
            most[lane] = max(value, most[lane])
    for lane in range(width):
        best[step, start + lane] = found[lane] if seen[lane] else 0
        outlook[0, step, start + lane] = most[lane] / total[lane] if seen[lane] else np.nan
        outlook[1, step, start + lane] = 0 if seen[lane] else np.nan
    if posterior.shape[2]:
        for state in range(classes):
            for lane in range(width):
                share = forward[state, lane] * later[state, lane] / total[lane]
                posterior[step, state, start + lane] = share if seen[lane] else np.nan


@njit(nogil=True, cache=True)
def viterbi(labels, season, emission, transition, prior, path):
    """Most probable sequence of classes; see `smooth_labels`, but `emission`, `transition`, `prior` are logarithms."""
    steps, cells = labels.shape
    classes = prior.size
    score = np.empty((2, classes, LANES), np.float32)
    came = np.empty((steps, classes, LANES), np.uint8)
    origin = np.zeros(LANES, np.int32)  # as wide as the scores, so that both fit the same registers
    seen = np.empty(LANES, np.bool_)
    for start in range(0, cells, LANES):
        width = min(LANES, cells - start)
        seen[:] = False
        for step in range(steps):
            former, now = score[(step + 1) % 2], score[step % 2]
            for state in range(classes):
                out = now[state]
                if step == 0:
                    out[:] = prior[state]
                else:
                    _best_origin(transition[:, state], former, out, origin)
                for lane in range(LANES):
                    came[step, state, lane] = origin[lane]
                for lane in range(width):
                    label = labels[step, start + lane]
                    seen[lane] |= label > 0
                    out[lane] += emission[season[step], state, label]
        for lane in range(width):
            _trace(score[(steps - 1) % 2, :, lane], came[:, :, lane], seen[lane], path[:, start + lane])


@njit(nogil=True, cache=True)
def _best_origin(moves, former, out, origin):
    """Fill `out` with the best score of a way into a class and `origin` with where it came from; two at a time."""
    out[:] = -np.inf
    last = moves.size - 1
    for one in range(0, moves.size, 2):
        other = min(one + 1, last)
        first, second = moves[one], moves[other]
        left, right = former[one], former[other]
        early, late = np.int32(one), np.int32(other)
        for lane in range(LANES):
            a, b = left[lane] + first, right[lane] + second
            value, code = (b, late) if b > a else (a, early)
            better = value > out[lane]
            out[lane] = value if better else out[lane]
            origin[lane] = code if better else origin[lane]


@njit(nogil=True, cache=True)
def _trace(score, came, seen, path):
    state = np.argmax(score)
    for step in range(path.size - 1, -1, -1):
        path[step] = state + 1 if seen else 0
        state = came[step, state]
