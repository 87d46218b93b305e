"""Draws that repeat under a seed and leave the process's own random numbers alone.

Modules such as `nn.Dropout` draw from torch's global generator and take no other. So a stream of our own is
swapped in while we draw, and the person's state is put back when we are done or hand control over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def _get(devices: list[int]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(i) for i in devices)]


def _set(states: list[Tensor], devices: list[int]) -> None:
    torch.set_rng_state(states[0])
    for i, state in zip(devices, states[1:]):
        torch.cuda.set_rng_state(state, i)


class Stream:
    """A stream of random numbers of its own: `with stream: ...` draws from it, and remembers where it was.

    It covers the CPU and, when `device` is a CUDA device, that device. Not for use by several threads at once:
    the global generator is shared by the threads of a process.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu"):
        device = torch.device(device)
        self.devices = [device.index or 0] if device.type == "cuda" else []
        generators = [torch.Generator(d) for d in ("cpu", *(f"cuda:{i}" for i in self.devices))]
        self.states = [g.manual_seed(seed % 2**63).get_state() for g in generators]
        self.outside: list[list[Tensor]] = []

    def __enter__(self) -> Stream:
        self.outside.append(_get(self.devices))
        _set(self.states, self.devices)
        return self

    def __exit__(self, *_: object) -> None:
        self.states = _get(self.devices)
        _set(self.outside.pop(), self.devices)


def seeded(seed: int, device: torch.device | str = "cpu") -> Stream:
    """`with seeded(0): ...`: what is drawn inside repeats, and nothing outside notices.

    >>> with seeded(0): a = torch.randn(2)
    >>> with seeded(0): b = torch.randn(2)
    >>> torch.equal(a, b)
    True
    """
    return Stream(seed, device)


@contextmanager
def drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """Draw from `generator` inside, advancing it; with None, from the global generator as usual."""
    if generator is None:
        yield
        return
    if generator.device.type != "cpu":
        raise ValueError(f"a CPU generator is needed here; this one lives on {generator.device}")
    outside = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.get_rng_state())
        torch.set_rng_state(outside)
