"""Many trainings at once on a card: a step of each, recorded together as one CUDA graph and replayed.

Kernels of small nets are so short that a card waits for its host. Recorded, a step is one call, and models
that know nothing of each other run side by side. What is recorded is `Turns.take` of isthmus itself: the
losses, their gradients, every player's optimiser. On the CPU nothing is recorded, and steps are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from isthmus import Batch, Learner, seeded
from isthmus.training.loop import Turns

WARM = 3  # steps before the recording, for what is built at first use; they are taken back


class Replayed:
    """A step of each of `models`, for batches that are written into `inputs` and `labels`.

    Models take no notice of the number of the step, which is always 0, keep what they remember in their
    `state_dict`, and ask their device for nothing that it would have to wait for. `maker` is model ->
    parameters -> optimiser, whose own state begins at 0, as that of `adam` does. On a card nobody looks
    whether losses are finite.
    """

    def __init__(
        self,
        models: Sequence[Learner],
        inputs: Sequence[Tensor],
        labels: Sequence[Tensor],
        maker: Any,
    ):
        self.batches = [Batch(x, x, {"labels": y}) for x, y in zip(inputs, labels)]
        self.turns = [Turns(model, maker(model)) for model in models]
        self.rates: list[tuple[Tensor, float]] = []
        for turns in self.turns:
            turns.model.train()
            for optimizer in turns.optimizers.values():
                for group in optimizer.param_groups:
                    own = torch.full((), group["lr"], device=inputs[0].device)
                    self.rates.append((own, group["lr"]))
                    group["lr"] = own
        self.graph: torch.cuda.CUDAGraph | None = None
        if inputs[0].is_cuda:
            self.record()

    def pace(self, factor: float) -> None:
        """Learning rates, in those that the optimisers were made with."""
        for rate, own in self.rates:
            rate.fill_(own * factor)

    def step(self) -> None:
        """One step of every model."""
        if self.graph is not None:
            self.graph.replay()
        else:
            self.take()

    def take(self) -> None:
        for turns, batch in zip(self.turns, self.batches):
            turns.take(batch, 0)
            turns.watch.unread.clear()

    def record(self) -> None:
        """Each model on a stream of its own, all within one graph, whose random numbers are then apart."""
        device = self.batches[0].input.device
        main = torch.cuda.Stream(device)
        streams = [torch.cuda.Stream(device) for _ in self.turns]

        def fork() -> None:
            for stream, turns, batch in zip(streams, self.turns, self.batches):
                stream.wait_stream(main)
                with torch.cuda.stream(stream):
                    turns.take(batch, 0)
                turns.watch.unread.clear()
            for stream in streams:
                main.wait_stream(stream)

        began = [{k: v.clone() for k, v in turns.model.state_dict().items()} for turns in self.turns]
        main.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(main), seeded(0, device):  # draws are taken back too
            for _ in range(WARM):
                fork()
        torch.cuda.synchronize()
        for turns, state in zip(self.turns, began):
            turns.model.load_state_dict(state)
            for optimizer in turns.optimizers.values():
                for kept in tensors(optimizer.state):
                    kept.zero_()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=main):
            fork()


def tensors(state: Any) -> Iterator[Tensor]:
    """All that an optimiser remembers, wherever in its state."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping | Sequence):
        for each in state.values() if isinstance(state, Mapping) else state:
            yield from tensors(each)
