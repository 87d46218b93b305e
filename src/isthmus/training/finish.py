"""Finishing: from where a first-order optimiser stops to where the objective is flat."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..data import MappedRows, Rows
from ..model import Learner
from ..randomness import seeded
from ..trace import Batch
from .batches import moved
from .evaluation import LATE

Finish = Callable[[Learner, Rows | MappedRows, int, Callable[[str], None]], None]
STRETCH = 50  # iterations between two looks at how far the loss has fallen


def lbfgs(iterations: int = 1000, chunk: int = 8192, history: int = 100, tolerance: float = 1e-5) -> Finish:
    """Full-batch L-BFGS with a line search, in float64 (Liu & Nocedal 1989).

    Noise is drawn alike in every evaluation, so the objective is a function. Meant for small models, where it
    reaches what Adam circles around; for a learner with one player. A long `history` pays: two principal axes
    whose eigenvalues are 5 % apart cost 500 iterations with 100 pairs, and are not found in 500 with 20.

    It ends after `iterations`, or where 50 of them lowered the loss by less than `tolerance` nats; where all
    before lowered it by less than a nat, by less than that share of it, so that units do not matter.
    """

    def finish(model: Learner, rows: Rows | MappedRows, seed: int, tell: Callable[[str], None]) -> None:
        players = model.players()
        if len(players) != 1:
            raise ValueError(f"L-BFGS minimises one loss; this learner has the players {', '.join(players)}")
        dtypes = [tensor.dtype for tensor in (*model.parameters(), *model.buffers())]
        model.double()
        own = [p for p in next(iter(model.players().values())) if p.requires_grad]
        optimizer = torch.optim.LBFGS(
            own,
            history_size=history,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-10,
            tolerance_change=1e-14,
        )

        [group] = optimizer.param_groups
        values: list[float] = []  # of every evaluation

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = torch.zeros((), dtype=torch.float64, device=own[0].device)
            with seeded(seed, own[0].device):
                for start in range(0, len(rows), chunk):
                    batch = _double(moved(rows.span(start, min(start + chunk, len(rows))), own[0].device))
                    for _, loss in model.losses(batch, LATE):  # schedules are over
                        part = loss.total * (len(batch.input) / len(rows))
                        part.backward()
                        value += part.detach()
            values.append(value.item())
            tell(f"L-BFGS, evaluation {len(values)}  loss {values[-1]:.6g}")
            return value

        try:
            for done in range(0, iterations, STRETCH):
                group["max_iter"] = min(STRETCH, iterations - done)
                group["max_eval"] = group["max_iter"] * 5 // 4
                before = float(optimizer.step(closure))
                if not before - min(values) >= tolerance * min(1.0, values[0] - before):
                    break
        finally:
            optimizer.zero_grad()
            for tensor, dtype in zip((*model.parameters(), *model.buffers()), dtypes):
                tensor.data = tensor.data.to(dtype)

    return finish


def _double(batch: Batch) -> Batch:
    input = batch.input.double()
    target = input if batch.target is batch.input else batch.target.double()
    context = {k: v.double() if v.is_floating_point() else v for k, v in batch.context.items()}
    return Batch(input, target, context)
