"""What is left of flow that divides when part of the inflow is not known: cells in the order of the flow.

Each cell has a `count` of senders. One after the other, in the fixed order of the neighbours, they are a `sender` and
its `part`: the number of an unknown cell before it, or further on of a given one; or -1 for what is known, the next of
`value`. One walk along the list sums up, and a sum with something unknown in it (NaN) is unknown.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.multiflow import PARTS
from soilloss.kernels.surface import offsets

KNOWN = -1


@njit(nogil=True, cache=True)
def put_aside(parts, coming, amount, stride, order, ring):
    """Return count, sender, part and value of the cells `order`, after which those of `ring` are numbered.

    `amount` is NaN in both; it becomes minus their number and one.
    """
    offset = offsets(stride)
    for i in range(order.size):
        amount[order[i]] = -1 - i
    for i in range(ring.size):
        amount[ring[i]] = -1 - order.size - i
    count = np.empty(order.size, np.uint8)
    senders, known = 0, 0
    for i in range(order.size):
        before = senders
        for k in range(8):
            if (coming[order[i]] >> k) & 1:
                senders += 1
                known += amount[order[i] + offset[k]] >= 0
        count[i] = senders - before
    sender, part, value = np.empty(senders, np.int32), np.zeros(senders, np.uint16), np.empty(known, np.float64)
    e, v = 0, 0
    for c in order:
        for k in range(8):
            if (coming[c] >> k) & 1 == 0:
                continue
            p = c + offset[k]
            given = parts[c, k] if k < 4 else parts[p, k - 4]
            if amount[p] >= 0:
                sender[e], value[v] = KNOWN, amount[p] * (given / PARTS)
                v += 1
            else:
                sender[e], part[e] = np.int32(-1 - amount[p]), given
            e += 1
    return count, sender, part, value


@njit(nogil=True, cache=True)
def sum_up(own, count, sender, part, value, amount):
    """Write the amounts of the cells before those that are given in `amount`; each gives its `own`."""
    e, v = 0, 0
    for i in range(count.size):
        total = own[i]
        for _ in range(count[i]):
            if sender[e] == KNOWN:
                total += value[v]
                v += 1
            else:
                total += amount[sender[e]] * (part[e] / PARTS)
            e += 1
        amount[i] = total


@njit(nogil=True, cache=True)
def left_over(count, sender, part, value, amount):
    """Return count, sender, part and value of the cells that are still unknown, numbered anew."""
    number = np.empty(amount.size, np.int32)
    left, senders, known, e = 0, 0, 0, 0
    for i in range(amount.size):
        number[i] = left
        unknown = amount[i] != amount[i]
        left += unknown or i >= count.size
        if i >= count.size:
            continue
        for _ in range(count[i]):
            if unknown:
                senders += 1
                known += sender[e] == KNOWN or amount[sender[e]] == amount[sender[e]]
            e += 1
    counts = np.empty(left - amount.size + count.size, np.uint8)
    from_, share, worth = np.empty(senders, np.int32), np.zeros(senders, np.uint16), np.empty(known, np.float64)
    e, v, m, u = 0, 0, 0, 0
    for i in range(count.size):
        unknown = amount[i] != amount[i]
        if unknown:
            counts[number[i]] = count[i]
        for _ in range(count[i]):
            s = sender[e]
            told = value[v] if s == KNOWN else amount[s] * (part[e] / PARTS)
            v += s == KNOWN
            if unknown and told == told:
                from_[m], worth[u] = KNOWN, told
                u += 1
            elif unknown:
                from_[m], share[m] = number[s], part[e]
            m += unknown
            e += 1
    return counts, from_, share, worth
