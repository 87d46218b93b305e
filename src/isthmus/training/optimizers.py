"""Adam without the machinery around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def adam(
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = True,
) -> Callable[[Iterable[nn.Parameter]], Adam]:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980), all parameters in one kernel.

    `weight_decay` shrinks the weights themselves (AdamW, Loshchilov & Hutter 2019, arXiv:1711.05101); with
    `decoupled=False` it is added to the gradient.
    """
    if not (isinstance(lr, int | float) and lr > 0 and weight_decay >= 0):
        raise ValueError(f"lr must be above 0 and weight_decay not below; got {lr!r} and {weight_decay!r}")
    return lambda parameters: Adam(parameters, lr, betas, eps, weight_decay, decoupled)


class Adam:
    """What `torch.optim.Adam(fused=True)` does, bit for bit, in a step that costs a third of it.

    A small model's step in torch takes longer around the kernel than in it, and the first use of any of
    torch.optim imports torch's compiler, which takes as long as importing torch.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        decoupled: bool,
    ):
        self.defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        self.defaults |= {"decoupled": decoupled}
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), **self.defaults}]
        self.state: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # of the i-th: its steps, mean, mean square

    @torch.no_grad()
    def step(self) -> None:
        """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − lr m̂ / (√v̂ + ε), given a gradient."""
        (group,) = self.param_groups
        moving = [(i, p) for i, p in enumerate(group["params"]) if p.grad is not None]
        if not moving:
            return
        for i, p in moving:
            if i not in self.state:
                self.state[i] = torch.zeros((), device=p.device), torch.zeros_like(p), torch.zeros_like(p)
        steps, means, squares = zip(*(self.state[i] for i, _ in moving))
        torch._foreach_add_(
            steps, [torch.ones((), device=steps[0].device)] * len(steps)
        )  # a number is slower
        kernel = torch._fused_adamw_ if group["decoupled"] else torch._fused_adam_
        kernel(
            [p for _, p in moving],
            [p.grad for _, p in moving],
            means,
            squares,
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        parameters = self.param_groups[0]["params"]
        self.state = {
            i: (steps.to(parameters[i].device), mean.to(parameters[i]), square.to(parameters[i]))
            for i, (steps, mean, square) in state["state"].items()
        }
