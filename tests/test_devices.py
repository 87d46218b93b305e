"""Every method on a device that is not there: fake tensors know where they live, and what nobody can tell.

A tensor that is made on the CPU in the middle of a step meets the others in vain; a value that Python must
know, to choose a branch or a shape, makes the host wait for the device. Both are found here without one.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode

import isthmus
from devices import WAITS, DrawnOnTheHost
from isthmus import Batch, Learner
from isthmus.randomness import drawing_from
from isthmus.terms import reconstruction
from test_laws import CASES, MADE, Case, laws, losses_and_gradients

ASKED = (DataDependentOutputException, DynamicOutputShapeException)
ELSEWHERE = "meta"  # whose name torch knows without being built for it
STEP = 2  # not the first, at which a codebook asks whether it has started
asking_nothing = pytest.mark.parametrize(
    "case", [case for case in [*CASES, *MADE] if case.name not in WAITS], ids=lambda case: case.name
)


@pytest.fixture(autouse=True)
def without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has no opinion of such a device, and is nowhere switched on here."""
    monkeypatch.setattr(torch, "autocast", lambda *options, **more: nullcontext())


class Copies(TorchDispatchMode):
    """Notes what is copied from one kind of device to another."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._to_copy.default and found.device.type != args[0].device.type:
            self.seen.append(f"{tuple(found.shape)} from {args[0].device.type} to {found.device.type}")
        return found


def fake(mode: FakeTensorMode, real: Tensor) -> Tensor:
    with mode:
        return torch.empty(real.shape, dtype=real.dtype, device=ELSEWHERE)


def elsewhere(mode: FakeTensorMode, model: Learner) -> Learner:
    """The model with parameters and buffers on a device that this machine need not have."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                with mode:
                    module._parameters[name] = nn.Parameter(fake(mode, parameter), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else fake(mode, buffer)
    return model


def stepped(case: Case, model: Learner) -> list[str]:
    """One step of every player there, and what was copied in it."""
    mode, real = FakeTensorMode(), case.batch()
    elsewhere(mode, model)
    x = fake(mode, real.input)
    batch = Batch(x, x, {name: fake(mode, part) for name, part in real.context.items()})
    with mode, Copies() as copies:
        for player, loss in model.losses(batch, STEP):
            assert loss.total.device.type == ELSEWHERE
            loss.total.backward(inputs=list(model.players()[player]))
    return copies.seen


@asking_nothing
def test_a_step_stays_on_its_device_and_asks_nothing(case: Case) -> None:
    assert stepped(case, case.build()) == []


@pytest.mark.parametrize("case", [c for c in CASES if c.name in WAITS], ids=lambda case: case.name)
def test_those_that_wait_do(case: Case) -> None:
    with pytest.raises((*ASKED, RuntimeError)):
        stepped(case, case.build())


@laws
def test_what_a_model_says_is_where_it_is(case: Case) -> None:
    """Codes and reconstructions, also of methods whose steps wait, and draws."""
    mode, real, model = FakeTensorMode(), case.batch(9), case.build().eval()
    elsewhere(mode, model)
    x = fake(mode, real.input)
    context = {name: fake(mode, part) for name, part in real.context.items()}
    flow: Any = model.autoencoder
    assert flow.device.type == ELSEWHERE
    with mode, Copies() as copies, torch.no_grad():
        if case.name != "hyperspherical_vae":
            trace = flow(Batch(x, x, context))
            said = [trace.code.z, trace.output.mean, trace.output.log_prob(x), trace.output.sample()]
            said += [stage.divergence() for stage in trace.code.stages]
            assert {each.device.type for each in said} == {ELSEWHERE}
        if case.name == "ex_post":
            flow.latent = flow.latent.latent  # which asks whether it has been fitted
        drawn = flow.sample(9, **context)
        assert drawn.mean.device.type == drawn.sample().device.type == ELSEWHERE
    assert copies.seen == []


def with_term(function: Any) -> Learner:
    model = CASES[1].build()
    model.autoencoder.objective = reconstruction + isthmus.term(function)
    return model


def test_controls_a_constant_on_the_cpu_a_copy_and_a_question() -> None:
    def misplaced(model: Any, trace: Any) -> Tensor:
        return (trace.code.z * torch.ones(len(trace.code.z), 3)).sum(1)

    def copied(model: Any, trace: Any) -> Tensor:
        return (trace.code.z * torch.ones(len(trace.code.z), 3).to(trace.code.z)).sum(1)

    def asking(model: Any, trace: Any) -> Tensor:
        return trace.code.z.sum(1) if trace.code.z.sum() > 0 else -trace.code.z.sum(1)

    def choosing(model: Any, trace: Any) -> Tensor:
        return trace.code.z[trace.code.z > 0].sum()

    with pytest.raises(RuntimeError, match="device"):
        stepped(CASES[1], with_term(misplaced))
    assert stepped(CASES[1], with_term(copied)) == ["(64, 3) from cpu to meta"]
    for question in (asking, choosing):
        with pytest.raises(ASKED):
            stepped(CASES[1], with_term(question))


def test_draws_of_the_host_are_those_of_the_cpu() -> None:
    """What the tests on a real device are compared by changes nothing here."""
    for case in CASES[::7]:
        model, batch = case.build(), case.batch()
        plain = losses_and_gradients(copy.deepcopy(model), batch)
        with DrawnOnTheHost():
            assert all(map(torch.equal, plain, losses_and_gradients(model, batch)))


def test_a_generator_seeds_the_draws_of_another_device() -> None:
    """Of a device that is not its own only its next number is taken, and nothing outside moves."""
    outside = torch.get_rng_state()
    found = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(3)
        for _ in range(2):
            with drawing_from(generator, "meta"):
                found.append(torch.rand(3))
    assert torch.equal(found[0], found[2]) and torch.equal(found[1], found[3])
    assert not torch.equal(found[0], found[1]) and torch.equal(outside, torch.get_rng_state())
    with drawing_from(torch.Generator().manual_seed(3)):  # on its own, the draws are the generator's
        assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(3)))
