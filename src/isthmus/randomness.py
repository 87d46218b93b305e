"""Draws that repeat under a seed and leave the process's own random numbers alone.

Modules such as `nn.Dropout` draw from torch's global generator and take no other. So a stream of our own is
swapped in while we draw, and the person's state is put back when we are done or hand control over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


class Stream:
    """A stream of random numbers of its own: `with stream: ...` draws from it, and remembers where it was.

    It covers the CPU and, when `device` is a CUDA device, that device. Streams nest. Not for use by several
    threads at once: the global generator is shared by the threads of a process.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu"):
        device = torch.device(device)
        self.devices: list[int] = []
        if device.type == "cuda":
            self.devices = [torch.cuda.current_device() if device.index is None else device.index]
        generators = [torch.Generator(d) for d in ("cpu", *(f"cuda:{i}" for i in self.devices))]
        self.states = [g.manual_seed(seed % 2**63).get_state() for g in generators]
        self.outside: list[Tensor] | None = None

    def __enter__(self) -> Stream:
        if self.outside is not None:
            raise RuntimeError("this stream is being drawn from already")
        self.outside = _get(self.devices)
        _set(self.states, self.devices)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.outside is not None
        self.states = _get(self.devices)
        _set(self.outside, self.devices)
        self.outside = None

    def position(self) -> list[Tensor]:
        """Where the stream is now, also while it is drawn from; assign it to `states` to go back there."""
        return self.states if self.outside is None else _get(self.devices)


def seeded(seed: int, device: torch.device | str = "cpu") -> Stream:
    """`with seeded(0): ...`: what is drawn inside repeats, and nothing outside notices.

    >>> with seeded(0): a = torch.randn(2)
    >>> with seeded(0): b = torch.randn(2)
    >>> torch.equal(a, b)
    True
    """
    return Stream(seed, device)


def mixed(*numbers: int) -> int:
    """One seed out of several numbers. Not added up: seed 0 at epoch 1 is not seed 1 at epoch 0."""
    return int(np.random.SeedSequence([n % 2**63 for n in numbers]).generate_state(1, np.uint64)[0])


@contextmanager
def drawing_from(generator: torch.Generator, device: torch.device | str = "cpu") -> Iterator[None]:
    """Draw from `generator` inside, advancing it.

    On a CUDA device, or with a generator of one, draws are those of a stream that its next number seeds.
    """
    if torch.device(device).type != "cpu" or generator.device.type != "cpu":
        seed = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
        with Stream(int(seed), device):
            yield
        return
    outside = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.get_rng_state())
        torch.set_rng_state(outside)


def _get(devices: list[int]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(i) for i in devices)]


def _set(states: list[Tensor], devices: list[int]) -> None:
    torch.set_rng_state(states[0])
    for i, state in zip(devices, states[1:]):
        torch.cuda.set_rng_state(state, i)
