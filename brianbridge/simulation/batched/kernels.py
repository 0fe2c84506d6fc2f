"""Add the weights of spikes to a batch of neurons: compiled loops.

All functions work on one time step of B samples. Spikes come as `SpikeList`: sample b has the
entries ``start[b]:start[b + 1]``. Targets are arrays ``(B, out)``. Threads share the samples. Each
sample is summed by one thread in a fixed order, without locks, so that results do not depend on the
number of threads.

Each sum is formed in a buffer of the target's type and then added to the target, as the twin adds
the product of weights and spikes. With a mask (of targets that are not refractory), sums are added
only where it is true. Weights stay in the type they were trained in: single precision takes half
the time to read, and sums in double precision are the same.
"""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled

__all__ = [
    "NO_MASK", "add_dense", "add_matching", "add_matching_values", "add_open", "add_product",
    "add_sparse",
]  # fmt: skip

#: Targets are visited one by one if there are so many times as many neurons as synapses.
_FEW = 4
#: An empty array stands for no mask and for no values, as compiled code has no None.
NO_MASK = np.empty(0, np.bool_)
_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")


@_inline
def add_open(target: np.ndarray, total: np.ndarray, mask: np.ndarray, low: int) -> None:
    """Add sums to the targets of a sample where the mask, from `low` on, is true."""
    if mask.size == 0:
        for j in range(total.size):
            target[j] += total[j]
    else:
        for j in range(total.size):
            if mask[low + j]:
                target[j] += total[j]


@_compiled
def add_dense(
    target: np.ndarray, weight: np.ndarray, start: np.ndarray, node: np.ndarray,
    value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add rows of ``weight (in + 1, out)``, eight in each pass over the target.

    The last row is 0 and fills up the last pass.
    """
    samples, outputs = target.shape
    silent = weight.shape[0] - 1
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        low, end = start[b], start[b + 1]
        if low == end:
            continue
        total = np.zeros(outputs, target.dtype)
        rows = np.full(8, silent)
        scales = np.zeros(8, target.dtype)
        for k in range(low, end, 8):
            for i in range(8):
                rows[i] = node[k + i] if k + i < end else silent
                scales[i] = value[k + i] if graded and k + i < end else real(0)
            r0, r1, r2, r3 = weight[rows[0]], weight[rows[1]], weight[rows[2]], weight[rows[3]]
            r4, r5, r6, r7 = weight[rows[4]], weight[rows[5]], weight[rows[6]], weight[rows[7]]
            if graded:
                s0, s1, s2, s3 = scales[0], scales[1], scales[2], scales[3]
                s4, s5, s6, s7 = scales[4], scales[5], scales[6], scales[7]
                for j in range(outputs):
                    total[j] += (
                        (s0 * real(r0[j]) + s1 * real(r1[j]))
                        + (s2 * real(r2[j]) + s3 * real(r3[j]))
                    ) + (
                        (s4 * real(r4[j]) + s5 * real(r5[j]))
                        + (s6 * real(r6[j]) + s7 * real(r7[j]))
                    )
            else:
                for j in range(outputs):
                    total[j] += ((real(r0[j]) + real(r1[j])) + (real(r2[j]) + real(r3[j]))) + (
                        (real(r4[j]) + real(r5[j])) + (real(r6[j]) + real(r7[j]))
                    )
        add_open(target[b], total, mask, b * outputs)


@_inline
def _collect(
    low: int, end: int, first: np.ndarray, reached: np.ndarray, weight: np.ndarray,
    node: np.ndarray, value: np.ndarray, total: np.ndarray,
) -> None:  # fmt: skip
    """Sum the weights of the synapses of the neurons that fired."""
    real = total.dtype.type
    for k in range(low, end):
        scale = value[k] if value.size > 0 else real(1)
        for synapse in range(first[node[k]], first[node[k] + 1]):
            total[reached[synapse]] += scale * real(weight[synapse])


@_inline
def _add_few(
    target: np.ndarray, low: int, end: int, first: np.ndarray, reached: np.ndarray,
    weight: np.ndarray, node: np.ndarray, value: np.ndarray, mask: np.ndarray, at: int,
    total: np.ndarray, reached_by: np.ndarray, synapses: int,
) -> None:  # fmt: skip
    """Add the weights of few synapses; only targets that several reach need a sum."""
    real = target.dtype.type
    # Bytes stay in the cache where sums would not.
    for k in range(low, end):
        for synapse in range(first[node[k]], first[node[k] + 1]):
            j = np.uint32(reached[synapse])
            reached_by[j] = min(reached_by[j] + 1, 2)
    several, found = np.empty(synapses, np.uint32), 0
    for k in range(low, end):
        scale = value[k] if value.size > 0 else real(1)
        for synapse in range(first[node[k]], first[node[k] + 1]):
            j = np.uint32(reached[synapse])
            if reached_by[j] == 1:
                reached_by[j] = 0
                if mask.size == 0 or mask[at + j]:
                    target[j] += scale * real(weight[synapse])
                continue
            if reached_by[j] == 2:
                reached_by[j] = 3
                several[found] = j
                found += 1
            total[j] += scale * real(weight[synapse])
    for j in several[:found]:
        if mask.size == 0 or mask[at + j]:
            target[j] += total[j]
        total[j] = 0
        reached_by[j] = 0


@_compiled
def add_sparse(
    target: np.ndarray, first: np.ndarray, reached: np.ndarray, weight: np.ndarray,
    start: np.ndarray, node: np.ndarray, value: np.ndarray, mask: np.ndarray, total: np.ndarray,
    reached_by: np.ndarray,
) -> None:  # fmt: skip
    """Add the synapses ``first[i]:first[i + 1]`` of every neuron i that fired.

    ``total (out,)`` and ``reached_by (out,)`` are 0 before and after. If few synapses are reached,
    only their targets are visited.
    """
    samples, outputs = target.shape
    for b in range(samples):
        low, end = start[b], start[b + 1]
        synapses = 0
        for k in range(low, end):
            synapses += first[node[k] + 1] - first[node[k]]
        if _FEW * synapses > outputs:
            _collect(low, end, first, reached, weight, node, value, total)
            add_open(target[b], total, mask, b * outputs)
            total[:] = 0
        elif synapses:
            _add_few(
                target[b], low, end, first, reached, weight, node, value, mask, b * outputs, total,
                reached_by, synapses,
            )  # fmt: skip


@_compiled
def add_matching(
    target: np.ndarray, weight: np.ndarray, start: np.ndarray, node: np.ndarray,
    value: np.ndarray, mask: np.ndarray,
) -> None:  # fmt: skip
    """Add the weight of every neuron that fired to the neuron with the same index."""
    samples, outputs = target.shape
    graded = value.size > 0
    real = target.dtype.type
    for b in range(samples):
        for k in range(start[b], start[b + 1]):
            i = node[k]
            if mask.size == 0 or mask[b * outputs + i]:
                scale = value[k] if graded else real(1)
                target[b, i] += scale * real(weight[i if weight.size > 1 else 0])


@_compiled
def add_matching_values(
    target: np.ndarray, weight: np.ndarray, values: np.ndarray, mask: np.ndarray
) -> None:
    """Add the weighted value of every neuron to the neuron with the same index, unless it is 0."""
    samples, outputs = target.shape
    real = target.dtype.type
    one, first = weight.size == 1, real(weight[0])
    for b in range(samples):
        row = target[b]
        for i in range(outputs):
            value = real(values[b, i])
            weighted = value * (first if one else real(weight[i]))
            # Without a branch: a processor cannot predict which neurons spike.
            arrives = value != 0 and (mask.size == 0 or mask[b * outputs + i])
            row[i] = row[i] + weighted if arrives else row[i]


@_compiled
def add_product(target: np.ndarray, total: np.ndarray, mask: np.ndarray) -> None:
    """Add the result of a dense product, ``(B, out)``."""
    for b in range(target.shape[0]):
        add_open(target[b], total[b], mask, b * target.shape[1])
