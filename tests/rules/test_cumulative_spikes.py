"""Whether neurons have fired by each step: compiled loops and torch's operations agree."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from brianbridge.rules.single_spike import cumulative_spikes as module
from brianbridge.rules.single_spike.cumulative_spikes import cumulative_spikes

STEPS, SHAPE = 7, (3, 4, 9, 30)


def potentials(dtype: torch.dtype, *, by_pixel: bool) -> Tensor:
    torch.manual_seed(0)
    values = 3 * torch.rand(STEPS, *SHAPE, dtype=dtype) - 1
    if not by_pixel:
        return values
    return values.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)


def thresholds(dtype: torch.dtype) -> Tensor:
    theta = torch.rand(SHAPE[1:], dtype=dtype)
    theta[0, 0, 0] = 0  # the width counts in units of 1
    return theta


def results(potential: Tensor, theta: Tensor, of_fired: Tensor | None, of_sums: Tensor | None):
    potential = potential.clone(memory_format=torch.preserve_format).requires_grad_()
    fired, steps_fired = cumulative_spikes(potential, theta, 0.5)
    loss = torch.zeros((), dtype=potential.dtype)
    if of_fired is not None:
        loss = loss + (of_fired * fired).sum()
    if of_sums is not None:
        loss = loss + (of_sums * steps_fired).sum()
    return fired, steps_fired, torch.autograd.grad(loss, potential)[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("which", ["fired", "sums", "both"])
@pytest.mark.parametrize("by_pixel", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_loops_give_the_bits_of_torch(dtype, by_pixel, which, threads, monkeypatch):
    monkeypatch.setattr(module, "_PART", 100)
    potential, theta = potentials(dtype, by_pixel=by_pixel), thresholds(dtype)
    of_fired = torch.randn(STEPS, *SHAPE, dtype=dtype) if which != "sums" else None
    of_sums = torch.randn(SHAPE, dtype=dtype) if which != "fired" else None
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        compiled = results(potential, theta, of_fired, of_sums)
        monkeypatch.setattr(module, "runs_compiled", lambda like: False)
        plain = results(potential, theta, of_fired, of_sums)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(compiled, plain, strict=True):
        assert torch.equal(one, other)
    assert 0 < float(plain[0].detach().mean()) < 1
    assert 0 < float((plain[2] != 0).double().mean()) < 1


def test_results_keep_the_order_of_memory():
    potential = potentials(torch.float32, by_pixel=True)
    fired, _ = cumulative_spikes(potential, torch.tensor(1.0), 0.5)
    assert fired.stride() == potential.stride()


def test_no_steps_no_spikes():
    fired, steps_fired = cumulative_spikes(torch.zeros(0, 2, 3), torch.tensor(1.0), 0.5)
    assert fired.shape == (0, 2, 3)
    assert steps_fired.tolist() == [[0, 0, 0], [0, 0, 0]]
