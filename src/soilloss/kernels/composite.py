"""One image out of many: median and medoid of the valid observations of each cell, time first, as 16-bit integers.

Cells lie side by side in lanes, so that the inner loops run over cells and have no branches. Values of a cell are put
in order by Batcher's odd-even merge exchange (Knuth 1998, Algorithm 5.2.2M), missing ones last.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 256
MISSING = np.int16(-32768)
_LAST = np.int16(32767)


@njit(nogil=True, cache=True)
def median(values, out, count):
    """Median of the valid observations of each cell.

    Parameters
    ----------
    values : int16 array (time, cells)
        -32768 is missing.
    out : int16 array (cells,)
        Filled with the median; of two middle values their mean, halves rounded up; -32768 where none is valid.
    count : uint16 array (cells,)
        Filled with the number of valid observations.
    """
    steps, cells = values.shape
    block = np.empty((steps, LANES), np.int16)
    for start in range(0, cells, LANES):
        width = min(LANES, cells - start)
        valid = count[start : start + width]
        valid[:] = 0
        for t in range(steps):
            row, source = block[t], values[t, start : start + width]
            for c in range(width):
                missing = source[c] == MISSING
                row[c] = _LAST if missing else source[c]
                valid[c] += not missing
            row[width:] = _LAST
        _sort(block)
        for c in range(width):
            n = np.int64(valid[c])
            if n == 0:
                out[start + c] = MISSING
            else:
                both = np.int32(block[(n - 1) // 2, c]) + np.int32(block[n // 2, c])
                out[start + c] = (both + 1) >> 1


@njit(nogil=True, cache=True)
def scale(values, factor, offset, lowest, out):
    """Stored numbers to 16-bit integers of ten thousandths, rounded to the nearest, halves to even.

    Parameters
    ----------
    values : float array (cells,)
        NaN is missing.
    factor, offset : float
        ``factor * value + offset`` is the reflectance or index.
    lowest : float
        Below it, and above 1, a cell is missing; where it is above -1, negative results become 0.
    out : int16 array (cells,)
        Filled; -32768 where missing.
    """
    floor = 0.0 if lowest > -1.0 else -1.0
    for c in range(values.size):
        real = values[c] * factor + offset
        known = lowest <= real <= 1.0
        out[c] = np.int16(np.rint(max(real, floor) * 10_000.0)) if known else MISSING


@njit(nogil=True, cache=True)
def _sort(block):
    """Put the values of each lane in order."""
    n = block.shape[0]
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, j + min(k, n - j - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        _exchange(block[i], block[i + k])
            k //= 2
        p *= 2


@njit(nogil=True, cache=True)
def _exchange(low, high):
    for c in range(LANES):
        a, b = low[c], high[c]
        low[c] = a if a < b else b
        high[c] = b if a < b else a


@njit(nogil=True, cache=True)
def medoid(values, out, count):
    """The observation of each cell that lies nearest to all its others, bands together.

    Parameters
    ----------
    values : int16 array (time, bands, cells)
        -32768 is missing; an observation counts where all its bands are there.
    out : int16 array (bands, cells)
        Filled with the observation of the least sum of Euclidean distances, the earliest of equal ones.
    count : uint16 array (cells,)
        Filled with the number of valid observations.
    """
    steps, bands, cells = values.shape
    which = np.empty(steps, np.int64)
    summed = np.empty(steps)
    for c in range(cells):
        n = 0
        for t in range(steps):
            whole = True
            for b in range(bands):
                whole &= values[t, b, c] != MISSING
            if whole:
                which[n] = t
                n += 1
        count[c] = n
        best = _nearest(values, which, n, c, summed) if n else 0
        for b in range(bands):
            out[b, c] = values[which[best], b, c] if n else MISSING


@njit(nogil=True, cache=True)
def _nearest(values, which, n, c, summed):
    """Position of the observation with the least sum of distances."""
    summed[:n] = 0.0
    for i in range(n):
        for j in range(i):
            square = 0.0
            for b in range(values.shape[1]):
                gap = float(values[which[i], b, c]) - float(values[which[j], b, c])
                square += gap * gap
            distance = np.sqrt(square)
            summed[i] += distance
            summed[j] += distance
    best = 0
    for i in range(1, n):
        if summed[i] < summed[best]:
            best = i
    return best
