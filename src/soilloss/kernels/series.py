"""Series of many cells: Mann-Kendall, Theil-Sen and the majority filter, time first.

Cells lie side by side in lanes, so that the inner loops run over cells and have no branches; so do their medians.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from soilloss.kernels.medians import LANES, MISSING, UNROLL, count_below, medians, ordered

# rows of the result of `kendall`
COUNT, S, VARIANCE, SLOPE, INTERCEPT, TAU, Z, P_VALUE = range(8)
ROWS = 8


@njit(nogil=True, cache=True)
def kendall(values, time, season, first, second, minimum, exact, out):
    """Mann-Kendall statistics and Theil-Sen line of each cell, within seasons.

    Parameters
    ----------
    values : float array (time, cells)
        What is not finite is missing: pairs with it are skipped.
    time : float64 array (time,)
        Rising.
    season : int array (time,)
        Season of each step, from 0; all 0 for the plain test.
    first, second : int arrays (pairs,)
        The pairs of steps to compare: of the same season, `first` before `second`.
    minimum : int
        Valid steps below which a cell's results are NaN.
    exact : bool
        Whether slope and intercept are medians of float64, not of numbers rounded to float32.
    out : float array (8, cells)
        Filled with the number of valid steps, S, its variance, Theil-Sen slope and intercept, tau, z and p.
    """
    steps, cells = values.shape
    rows = -(-max(first.size, steps) // UNROLL) * UNROLL
    block = np.empty((steps, LANES))
    slopes = np.empty((rows if exact else 1, LANES))
    bits = np.empty((rows, LANES), np.int32)
    digits = np.empty((rows, LANES), np.int8)
    members = np.empty((season.max() + 1, LANES), np.int32)
    level, down, counts = np.empty(LANES, np.int32), np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    zero = np.zeros(LANES, np.int8)
    results = np.empty((ROWS, LANES))
    slope, middle, centre = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(0, cells, LANES):
        width = min(LANES, cells - start)
        _fill_block(values[:, start : start + width], season, block, members)
        _compare(block, time, first, second, level, slopes, bits, digits)
        count_below(digits, rows, zero, down)
        _count_pairs(members, counts)
        medians(slopes, bits, digits, first.size, counts, slope)
        _order_values(block, slopes, bits, digits)
        _count_members(members, counts)
        medians(slopes, bits, digits, steps, counts, middle)
        _middle_times(block, time, counts, centre)
        _test(block, first, second, members, level, down, results)
        for lane in range(LANES):
            results[SLOPE, lane] = slope[lane]
            results[INTERCEPT, lane] = middle[lane] - slope[lane] * centre[lane]
        for row in range(ROWS):
            for lane in range(width):
                enough = row == COUNT or results[COUNT, lane] >= minimum
                out[row, start + lane] = results[row, lane] if enough else np.nan


@njit(nogil=True, cache=True)
def _fill_block(values, season, block, members):
    """Copy the cells of a block and count the valid steps of each season; lanes without a cell are missing."""
    block[:] = np.nan
    members[:] = 0
    for step in range(values.shape[0]):
        row, member = block[step], members[season[step]]
        for lane in range(values.shape[1]):
            value = np.float64(values[step, lane]) + 0.0  # -0.0 would count as less than 0
            row[lane] = value if abs(value) < np.inf else np.nan
        for lane in range(LANES):
            member[lane] += np.int32(row[lane] == row[lane])


@njit(nogil=True, cache=True)
def _compare(block, time, first, second, level, slopes, bits, digits):
    """Slope of every pair, and how many of them float32 cannot tell from 0; missing pairs are behind all others."""
    level[:] = 0
    line = np.empty(LANES, np.float32)
    for row in range(first.size):
        # unsigned, so that no step counts from the end; whole rows of their own would cost as much as the sums
        early, late = np.uint64(first[row]), np.uint64(second[row])
        factor = 1 / (time[late] - time[early])
        for lane in range(LANES):
            line[lane] = np.float32((block[late, lane] - block[early, lane]) * factor)
        for lane in range(LANES):
            number = ordered(line[lane])
            bits[row, lane] = number
            digits[row, lane] = np.int8(number >> np.int32(24))
            level[lane] += np.int32(number == 0)
        if len(slopes) > 1:
            for lane in range(LANES):
                slopes[row, lane] = (block[late, lane] - block[early, lane]) * factor
    bits[first.size :] = MISSING
    digits[first.size :] = 127


@njit(nogil=True, cache=True)
def _count_pairs(members, counts):
    """Pairs of valid steps of the same season."""
    counts[:] = 0
    for season in range(len(members)):
        for lane in range(LANES):
            counts[lane] += members[season, lane] * (members[season, lane] - 1) // 2


@njit(nogil=True, cache=True)
def _count_members(members, counts):
    """Valid steps of all seasons."""
    counts[:] = 0
    for season in range(len(members)):
        for lane in range(LANES):
            counts[lane] += members[season, lane]


@njit(nogil=True, cache=True)
def _order_values(block, values, bits, digits):
    """Make ready the values themselves, for their median."""
    for step in range(len(block)):
        for lane in range(LANES):
            values[step % len(values), lane] = block[step, lane]
            bits[step, lane] = ordered(block[step, lane])
            digits[step, lane] = np.int8(bits[step, lane] >> np.int32(24))
    end = -(-len(block) // UNROLL) * UNROLL
    bits[len(block) : end] = MISSING
    digits[len(block) : end] = 127


@njit(nogil=True, cache=True)
def _test(block, first, second, members, level, down, out):
    """Count, S, variance, tau, z and p of each lane."""
    scores, tied = np.zeros(LANES, np.int32), np.zeros(LANES, np.int32)
    ties = level.max() > 0
    if ties:
        _count_ties(block, first, second, scores, tied)
    for lane in range(LANES):
        count = variance = pairs = 0
        for row in range(len(members)):
            n = np.int64(members[row, lane])
            count += n
            pairs += n * (n - 1) // 2
            variance += n * (n - 1) * (2 * n + 5)
        score = pairs - 2 * np.int64(down[lane])
        if ties:
            score = np.int64(scores[lane])
            variance -= tied[lane]
        out[COUNT, lane] = count
        out[S, lane] = score
        out[VARIANCE, lane] = variance / 18
        out[TAU, lane] = score / max(pairs, 1)
        out[Z, lane] = standard_score(score, variance / 18)
        out[P_VALUE, lane] = math.erfc(abs(out[Z, lane]) / math.sqrt(2.0))


@njit(nogil=True, cache=True)
def standard_score(score, variance):
    """Standard score of S with the continuity correction; 0 where S is 0."""
    return (score - np.sign(score)) / math.sqrt(variance) if score != 0 and variance > 0 else 0.0


@njit(nogil=True, cache=True)
def _count_ties(block, first, second, score, tied):
    """S of each lane, and the sum of t (t - 1) (2 t + 5) over its groups of t equal values of a season."""
    others = np.zeros(block.shape, np.int32)
    for row in range(first.size):
        early, late = np.uint64(first[row]), np.uint64(second[row])
        for lane in range(LANES):
            same = np.int32(block[late, lane] == block[early, lane])
            others[early, lane] += same
            others[late, lane] += same
        for lane in range(LANES):
            rise = np.int32(block[late, lane] > block[early, lane])
            score[lane] += rise - np.int32(block[late, lane] < block[early, lane])
    for step in range(len(block)):
        for lane in range(LANES):
            tied[lane] += others[step, lane] * (2 * others[step, lane] + 7)  # the share of each member


@njit(nogil=True, cache=True)
def _middle_times(block, time, counts, median):
    """Median time of the valid steps of each lane."""
    seen = np.zeros(LANES, np.int32)
    median[:] = 0
    for step in range(len(block)):
        row, now = block[step], 0.5 * time[step]
        for lane in range(LANES):
            valid = row[lane] == row[lane]
            twice = 2 * seen[lane]
            share = np.int32(twice == counts[lane] - 1) * 2 + np.int32(abs(twice + 1 - counts[lane]) == 1)
            median[lane] += now * (share if valid else 0)
            seen[lane] += np.int32(valid)


@njit(nogil=True, cache=True)
def hamed_rao_1998(values, time, trend, limit, only_positive, out):
    """Factor n/n* by which serial correlation widens the variance of S; NaN where `trend` is.

    Parameters
    ----------
    values : float array (time, cells)
    time : float64 array (time,)
    trend : float array (cells,)
        Slope to take out before ranking.
    limit : float
        Standard normal deviate beyond which the correlation of a lag counts.
    only_positive : bool
        Whether negative correlations are left out.
    out : float array (cells,)
        Filled. Gaps are closed up: a lag is a number of valid steps.
    """
    steps, cells = values.shape
    rest, rank = np.empty(steps), np.empty(steps)
    for cell in range(cells):
        n = 0
        for step in range(steps):
            if abs(values[step, cell]) < np.inf:
                rest[n] = values[step, cell] - trend[cell] * time[step]
                n += 1
        _rank(rest[:n], rank[:n])
        out[cell] = _widening(rank[:n], limit, only_positive) if trend[cell] == trend[cell] else np.nan


@njit(nogil=True, cache=True)
def _rank(values, rank):
    """Average ranks, less their mean."""
    for one in range(len(values)):
        rank[one] = 0
        for other in range(len(values)):
            rank[one] += 0.5 * (values[other] < values[one]) - 0.5 * (values[other] > values[one])


@njit(nogil=True, cache=True)
def _widening(rank, limit, only_positive):
    n = len(rank)
    total = 0.0
    power = np.sum(rank * rank)
    for lag in range(1, n):
        product = 0.0
        for step in range(n - lag):
            product += rank[step] * rank[step + lag]
        if (product if only_positive else abs(product)) > limit / math.sqrt(n) * power:
            total += (n - lag) * (n - lag - 1) * (n - lag - 2) * product / power
    return 1 + 2 * total / (n * (n - 1) * (n - 2)) if n > 2 else 1.0


@njit(nogil=True, cache=True)
def majority(labels, reach, fill, out):
    """Most frequent class of each cell from `reach` steps before to `reach` steps after.

    Ties keep the class of the centre if it is among them, else the one nearest in time, else the smallest code.

    Parameters
    ----------
    labels : uint8 array (time, cells)
        0 is missing and never votes.
    reach : int
        Steps on each side; the window is cut at both ends.
    fill : bool
        Whether a missing centre is filled.
    out : uint8 array (time, cells)
        Filled from the unfiltered labels.
    """
    steps, cells = labels.shape
    for step in range(steps):
        early, late = max(step - reach, 0), min(step + reach + 1, steps)
        for cell in range(cells):
            centre = labels[step, cell]
            best, most, nearest = centre, 0, 0
            if centre != 0 or fill:
                for one in range(early, late):
                    code = labels[one, cell]
                    votes, distance = 0, steps
                    for other in range(early, late):
                        if labels[other, cell] == code:
                            votes += 1
                            distance = min(distance, abs(other - step))
                    if code != 0 and (-votes, distance, code) < (-most, nearest, best):
                        best, most, nearest = code, votes, distance
            out[step, cell] = best
