"""Set random numbers and threads for training, without effect on the rest of the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from threadpoolctl import threadpool_limits

__all__ = ["one_thread", "seeded"]


@contextmanager
def seeded(device: torch.device, *seed: int) -> Iterator[None]:
    """Seed torch's generators within a block, and restore them afterwards.

    Parameters
    ----------
    device : torch.device
        The device of the twin. The processor's generator is seeded too.
    *seed : int
        Numbers that determine the random numbers.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with seeded(torch.device("cpu"), 1, 2):
    ...     drawn = torch.rand(1)
    >>> with seeded(torch.device("cpu"), 1, 2):
    ...     again = torch.rand(1)
    >>> bool(drawn == again), torch.equal(before, torch.get_rng_state())
    (True, True)
    """
    number = hash(seed) % 2**63
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        # torch.manual_seed would seed every device, also those that are not restored.
        torch.default_generator.manual_seed(number)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(number)
        yield


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Let torch and BLAS compute in one thread within a block.

    The number of threads determines the order of a sum, and thus its last digit.

    Parameters
    ----------
    wanted : bool
        Whether to limit the threads; if not, nothing changes.

    Examples
    --------
    >>> before = torch.get_num_threads()
    >>> with one_thread():
    ...     inside = torch.get_num_threads()
    >>> inside, torch.get_num_threads() == before
    (1, True)
    """
    if not wanted:
        yield
        return
    threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, threads)
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        torch.set_num_threads(1)
        yield
