"""How is an autoencoder trained, in pseudo-code that is the same computation as the real loop?

**In short.** Shuffle, cut into batches; for each one encode, decode, ask how badly the batch is explained,
go one step downhill. Look at held-out rows after every pass and keep the weights that were best there.
Nothing in it is peculiar to autoencoders, except that the target is the input.

**Definition.**

    initialise φ, θ                              # encoder, decoder
    repeat for every epoch, until held-out loss stops falling:
        for each batch x of the shuffled rows:
            z  = f(x; φ)
            x̂  = g(z; θ)
            L  = mean over the batch of  −log p(x | x̂)
            set all gradients to zero
            ∂L/∂φ, ∂L/∂θ  by backpropagation
            φ, θ  ←  one step of the optimiser
        V = the same loss on held-out rows, in evaluation mode, without gradients
        if V is the least so far: keep a copy of φ, θ
        write a checkpoint: φ, θ, optimiser, random numbers, place in the data

**Mathematics.** A batch of b rows drawn at random gives an unbiased estimate of the gradient with a
variance that falls as 1/b; its mean, not its sum, keeps the step independent of b. Adam divides a running
mean of gradients by the root of a running mean of their squares, so its state is as large as two copies of
the weights and belongs to the checkpoint.

**Intuition.** One loop serves every variant. A denoising autoencoder reads x̃ and still explains x; a
variational one draws z and adds a term to L; a sparse one adds another.

**When, and when not.** Write the loop yourself when a step is unusual, as with two players. Otherwise use
one that has been tested: stopping, resuming and mixed precision are where errors hide.

**Pitfalls.** Gradients that are not set to zero add up over steps: the loss still falls for a while. A
resumed run that restores only weights starts Adam anew and draws another order; it does not repeat the run
that was interrupted. A last batch of few rows weighs as much as a full one, and batch normalisation fails
on a single row. When gradients of m batches are gathered, divide by m. Weights chosen by the training loss
are overfitted ones; chosen by test rows, they report an error too good. Held-out terms need `eval()`.

**Sources.** Robbins and Monro 1951, Annals of Mathematical Statistics 22; Kingma and Ba 2015,
arXiv:1412.6980 (Adam); Bottou 2012, Stochastic Gradient Descent Tricks; Prechelt 1998, Early Stopping – But
When?
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count, islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..baselines import mean_predictor
from ..data import Rows, batches, epoch_order
from ..likelihoods import bernoulli
from ..model import Autoencoder
from ..models import autoencoder
from ..randomness import seeded
from ..training import adam, fit, train
from .common import grey, reconstructed, squared
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "gradients are not set to zero between steps, and a resumed run restores the weights alone"
BATCH, RATE = 128, 1e-3


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data = grey(budget)
    x = torch.from_numpy(data.train)
    per_epoch = -(-len(x) // BATCH)
    epochs = max(2, -(-200 // per_epoch))  # two at least, to stop between them
    steps = epochs * per_epoch
    loops = [made(x, budget) for _ in range(3)]
    ours = torch.stack(list(islice(by_hand(loops[0], x, budget.seed, forget=bug), steps)))
    theirs = torch.stack(list(islice(by_train(loops[1], x, budget.seed), steps)))
    fitted(loops[2], x, budget, epochs)
    again = resumed(x, budget, epochs, weights_alone=bug)
    apart = ((ours - theirs).abs() / theirs).max()
    claims = [
        Claim(f"Largest relative difference of the loss in {steps} steps", float(apart), at_most=1e-6),
        Claim("Largest difference of a weight from `fit`'s", distance(loops[0], loops[2]), at_most=1e-6),
        Claim(
            "The same after stopping half-way and resuming: bit for bit", distance(again, loops[2]), at_most=0
        ),
    ]
    table = Table(
        "Loss of the batch, in nats",
        ["step", "by hand", "train()"],
        [[i + 1, float(ours[i]), float(theirs[i])] for i in (0, 9, steps // 4, steps // 2, steps - 1)],
    )
    worth = Table(
        "Squared error of held-out rows, summed over features",
        ["", "error"],
        [
            [
                "mean of the training rows",
                squared(data.test, mean_predictor(data.train).reconstruct(data.test)),
            ],
            ["after the loop by hand", squared(data.test, reconstructed(loops[0], data.test))],
            ["after fit()", squared(data.test, reconstructed(loops[2], data.test))],
        ],
    )
    return Evidence(claims, [table, worth], [picture(ours, theirs)])


def by_hand(model: Autoencoder, x: Tensor, seed: int, forget: bool) -> Iterator[Tensor]:
    """The pseudo-code in plain PyTorch: the loss of every step. `forget` leaves old gradients in place."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    for epoch in count():
        for index in epoch_order(len(x), seed, epoch).split(BATCH):
            batch = x[index]
            z = model.encoder(batch)
            logits = model.decoder(z)
            loss = F.binary_cross_entropy_with_logits(logits, batch, reduction="none").sum(1).mean()
            if not forget:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.detach()


def by_train(model: Autoencoder, x: Tensor, seed: int) -> Iterator[Tensor]:
    rows = Rows(x)
    endless = (b for e in count() for b in batches(rows, BATCH, order=epoch_order(len(x), seed, e)))
    return (report.loss.total for report in train(model, endless, adam(RATE), seed=seed))


def made(x: Tensor, budget: Budget) -> Autoencoder:
    """Always the same weights to begin with."""
    with seeded(budget.seed):
        return autoencoder(x.shape[1], 8, (64, 32), likelihood=bernoulli).train()


def fitted(
    model: Autoencoder, x: Tensor, budget: Budget, epochs: int, folder: str | None = None
) -> Autoencoder:
    fit(
        model,
        x,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=adam(RATE),
        seed=budget.seed,
        folder=folder,
        progress=False,
    )
    return model


def resumed(x: Tensor, budget: Budget, epochs: int, weights_alone: bool) -> Autoencoder:
    """Half of the epochs, then the rest from what was left on disk."""
    half = epochs // 2
    with tempfile.TemporaryDirectory() as folder:
        first = fitted(made(x, budget), x, budget, half, folder)
        if weights_alone:
            return fitted(first, x, budget, epochs - half)
        return fitted(made(x, budget), x, budget, epochs, folder)


def distance(a: Autoencoder, b: Autoencoder) -> float:
    return max(float((p - q).detach().abs().max()) for p, q in zip(a.parameters(), b.parameters()))


def picture(ours: Tensor, theirs: Tensor) -> Picture:
    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot(theirs, color="#E69F00", linewidth=4, label="train()")
        above.plot(ours, color="#0072B2", linewidth=1, label="by hand")
        above.set(ylabel="loss of the batch, nats")
        above.legend()
        below.plot(ours - theirs, color="black", linewidth=1)
        below.set(xlabel="step", ylabel="difference")

    alt = "Two curves of the loss lie on top of each other while they fall; below, their difference is zero."
    return Picture("One loop, written twice", alt, draw)
