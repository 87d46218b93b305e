"""What tests of devices share: tensors moved, and random numbers that are the same on every device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from isthmus import Batch

WAITS = {  # methods whose step has to ask the device something before it can go on, and what
    "hyperspherical_vae": "Bessel functions are SciPy's, and draws are made until all are accepted",
    "ladder_network": "rows with a label are counted, to be normalised apart",
    "gamma_model": "rows with a label are counted, to be normalised apart",
    "nae": "chains that start anew are counted, and only these are searched for",
}


def on(batch: Batch, device: str = "cuda") -> Batch:
    """The batch on a device; input and target stay one where they were."""
    x = batch.input.to(device)
    target = x if batch.target is batch.input else batch.target.to(device)
    return Batch(x, target, {name: part.to(device) for name, part in batch.context.items()})


class DrawnOnTheHost(TorchDispatchMode):
    """All that is drawn comes from the CPU's generator and is then moved, so that devices can be compared."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in function.tags or "attention" in str(function):
            return function(*args, **kwargs)
        host, named = tree_map(_hosted, (args, kwargs))
        found = function(*host, **named)
        if function._schema.is_mutable:
            return args[0].copy_(found)
        device = kwargs.get("device") or next((a.device for a in args if isinstance(a, Tensor)), "cpu")
        return tree_map(lambda each: each.to(device), found)


def _hosted(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.cpu()
    return torch.device("cpu") if isinstance(value, torch.device) else value
