"""Several processes that train one network together.

All processes hold the same twin and take the same steps. Each computes its part of every batch
(`brianbridge.twin.part`), and the gradients are averaged. The first process alone reads and writes
files, and shows progress.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from brianbridge.errors import InputError, ProcessEnded
from brianbridge.launched import launched_rank
from brianbridge.twin.part import Part, add_over_processes, noticing_the_end

__all__ = ["ONE", "Processes", "joined"]

T = TypeVar("T")
#: Numbers of the process groups that are started here.
_groups = count()
#: How long processes wait for the first one, which may verify a network for days.
_PATIENCE = timedelta(days=365)


@dataclass(frozen=True)
class Processes:
    """Hold which of several processes this is.

    Parameters
    ----------
    rank : int
        Number of this process, counted from 0.
    number : int
        How many there are.
    device : torch.device, optional
        Where the tensors are that the processes sum; None for one process.
    waiting : ProcessGroup, optional
        The same processes, in a group that never loses patience.
    """

    rank: int = 0
    number: int = 1
    device: torch.device | None = None
    waiting: Any = None

    @property
    def first(self) -> bool:
        """Whether this process reads and writes files, and shows progress."""
        return self.rank == 0

    def part(self, batch: int) -> Part | None:
        """Return this process's part of a batch of so many samples; None if there is no other."""
        return None if self.number == 1 else Part(self.rank, self.number, batch)

    def sums(self, *values: float) -> list[float]:
        """Return the sum of each number over all processes."""
        if self.number == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        add_over_processes(summed)
        found: list[float] = summed.tolist()
        return found

    def from_first(self, make: Callable[[], T]) -> T:
        """Return the result of the first process; the others wait for it as long as it takes.

        Raises
        ------
        ProcessEnded
            In the other processes, if the first one has no result.
        """
        if self.number == 1:
            return make()
        box: list[Any] = [None]
        if self.first:
            try:
                box = [(make(),)]
            finally:  # an error is raised here, and the others hear that there is no result
                self._send(box)
        else:
            self._send(box)
        if box[0] is None:
            raise ProcessEnded("training: the first process ended by an error of its own")
        found: T = box[0][0]
        return found

    def _send(self, box: list[Any]) -> None:
        with noticing_the_end():
            dist.broadcast_object_list(box, src=0, group=self.waiting)

    def copy_first(self, module: nn.Module) -> None:
        """Give a module the parameters and buffers that it has in the first process."""
        if self.number > 1:
            for values in module.state_dict().values():
                sent = values.contiguous()  # a kernel may have its channels last
                with noticing_the_end():
                    dist.broadcast(sent, src=0)
                values.copy_(sent)

    def check_same(self, fingerprint: str, batch_size: int) -> None:
        """Refuse processes that train something else, or that are too many for a batch.

        Parameters
        ----------
        fingerprint : str
            Identifies what this process trains.
        batch_size : int
            Number of samples of a batch.

        Raises
        ------
        InputError
            In all processes alike.
        """
        if self.number == 1:
            return
        if batch_size < self.number:
            raise InputError(
                f"training: batch_size = {batch_size} for {self.number} processes; give at least "
                f"one sample to each, or start {batch_size} processes"
            )
        every: list[Any] = [None] * self.number
        with noticing_the_end():
            dist.all_gather_object(every, fingerprint, group=self.waiting)
        for rank, other in enumerate(every):
            if other != every[0]:
                raise InputError(
                    f"training: process {rank} has other data, network, weights, rule, seed or "
                    "options than process 0; give all the same, with the same seeds, or "
                    "together=False to let each train by itself"
                )


#: A process that trains by itself.
ONE = Processes()


@contextmanager
def joined(device: torch.device, together: bool = True) -> Iterator[Processes]:
    """Join the processes of torch's process group; start the group if torchrun started them.

    Parameters
    ----------
    device : torch.device
        Where the twin is. A group that is started here has the backend ``nccl`` for CUDA, and
        ``gloo`` for processors.
    together : bool
        Whether to join at all.

    Raises
    ------
    InputError
        If the group cannot sum tensors on the device.

    Examples
    --------
    >>> with joined(torch.device("cpu")) as processes:
    ...     processes.rank, processes.number
    (0, 1)
    """
    if not together or not dist.is_available():
        yield ONE
        return
    start = not dist.is_initialized()
    if start and launched_rank() is None:
        yield ONE
        return
    if start:
        _start_group(device)
    waiting = None
    try:
        number = dist.get_world_size()
        if number > 1:
            _check_device(device)
            waiting = dist.new_group(backend="gloo", timeout=_PATIENCE)
        yield Processes(dist.get_rank(), number, device, waiting)
        if waiting is not None:
            with noticing_the_end():
                dist.barrier(waiting)  # none leaves before all have received the last numbers
    finally:
        if waiting is not None and not start:
            dist.destroy_process_group(waiting)
        if start:
            dist.destroy_process_group()


def _start_group(device: torch.device) -> None:
    """Start the process group of torchrun's processes."""
    with noticing_the_end():
        store, rank, number = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
        # A second training starts a second group, which must not find the addresses of the first.
        own = dist.PrefixStore(f"brianbridge/{next(_groups)}", store)  # type: ignore[attr-defined]
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=own, rank=rank, world_size=number)


def _check_device(device: torch.device) -> None:
    """Refuse a process group that cannot sum tensors on a device."""
    try:
        dist.all_reduce(torch.zeros(1, device=device))
    except RuntimeError as error:
        own = os.environ.get("LOCAL_RANK", "0")
        raise InputError(
            f"training: the process group ('{dist.get_backend()}') cannot sum tensors on "
            f"'{device}'; start it with 'nccl' for CUDA or 'gloo' for processors, and give each "
            f"process a GPU of its own, here bb.to_torch(network, device='cuda:{own}') "
            f"({str(error).splitlines()[0]:.200})"
        ) from error
