"""A prior over discrete codes that reads them one after another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Autoregressive(nn.Module):
    """p(k) = Π_i p(k_i | k_1 … k_{i−1}) over the l indices of a code, by a small causal transformer.

    Fitted afterwards, to the codes of a trained model: hand it to a quantised latent,
    `Quantised(…, prior=Autoregressive)` or `Recipe(Autoregressive, epochs=50)`, whose `fit_prior` does so.
    Until then it knows nothing, and its parameters take no part in training the model.

    Args:
        levels: how many values each index has.
        books: which book each index is of; indices of one book share their embedding.
        width, layers, heads: of the transformer.
        epochs, batch_size, lr: of `fit`, by Adam along a cosine.

    Reference: van den Oord et al. 2017, section 3.3, arXiv:1711.00937, and Razavi et al. 2019,
    arXiv:1906.00446 (there by a PixelCNN); by a transformer, Esser, Rombach & Ommer 2021, arXiv:2012.09841.

    >>> prior = Autoregressive([4, 4], [0, 0])
    >>> prior.fit(torch.tensor([[0, 3], [1, 2]]))
    >>> prior.sample(5).shape, prior.log_prob(torch.tensor([[0, 3]])).shape
    (torch.Size([5, 2]), torch.Size([1]))
    """

    offset: Tensor
    possible: Tensor

    def __init__(
        self,
        levels: Sequence[int],
        books: Sequence[int],
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        epochs: int = 20,
        batch_size: int = 64,
        lr: float = 3e-3,
    ):
        super().__init__()
        if len(levels) != len(books):
            raise ValueError(f"each index has a level and a book; here are {len(levels)} and {len(books)}")
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        sizes = {book: level for book, level in zip(books, levels)}
        first = {book: sum(sizes[other] for other in sizes if other < book) for book in sizes}
        offset, level = torch.tensor([first[book] for book in books]), torch.tensor(levels)
        self.register_buffer("offset", offset, persistent=False)  # (l,): where an index's book begins
        possible = torch.arange(max(levels)) < level[:, None]
        self.register_buffer("possible", possible, persistent=False)  # (l, most)
        self.tokens = nn.Embedding(sum(sizes.values()), width)
        self.places = nn.Parameter(0.02 * torch.randn(len(levels), width))  # and what comes before the first
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(sum(sizes.values())))
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.requires_grad_(False)  # no player's: `fit` moves them

    def forward(self, indices: Tensor) -> Tensor:
        """(n, j) -> (n, j + 1, most): log p of every value of each index, given those before it; j < l."""
        n, j = indices.shape
        seen = self.tokens(indices + self.offset[:j])  # (n, j, w)
        h = self.places[: j + 1] + torch.cat([seen.new_zeros(n, 1, seen.shape[2]), seen], 1)
        for block in self.blocks:
            h = block(h)
        h = self.norm(h)  # (n, j + 1, w)
        possible = self.possible[: j + 1]
        names = (self.offset[: j + 1, None] + torch.arange(possible.shape[1], device=h.device)) * possible
        scores = self._scores(h, names)
        return scores.masked_fill(~possible, -math.inf).log_softmax(-1)

    def _scores(self, h: Tensor, names: Tensor) -> Tensor:
        """Against the embeddings of the values that may stand there, a book at a time."""
        columns = torch.cat(
            [
                torch.einsum("njw,vw->njv", h[:, at], self.tokens(names[at[0]])) + self.bias[names[at[0]]]
                for at in self._runs(len(names))
            ],
            1,
        )
        return columns[:, torch.cat(self._runs(len(names))).argsort()]

    def _runs(self, j: int) -> list[Tensor]:
        """The places of each book."""
        return [torch.nonzero(self.offset[:j] == each)[:, 0] for each in self.offset[:j].unique()]

    def log_prob(self, indices: Tensor) -> Tensor:
        """(n, l) -> (n,), in nats."""
        return self(indices[:, :-1]).gather(2, indices[:, :, None])[:, :, 0].sum(1)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """(n, l), an index at a time."""
        indices = torch.zeros(n, 0, dtype=torch.long, device=self.places.device)
        for _ in range(len(self.places)):
            chances = self(indices)[:, -1].exp()
            indices = torch.cat([indices, torch.multinomial(chances, 1)], 1)
        return indices

    @torch.enable_grad()
    def fit(self, indices: Tensor) -> None:
        """From training rows (n, l); order and start come from the global generator, so that seeds repeat."""
        self.requires_grad_(True)
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=0.01)
        steps = self.epochs * -(-len(indices) // self.batch_size)
        course = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, max(2, steps), pct_start=0.1)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(indices), device=indices.device).split(self.batch_size):
                optimizer.zero_grad()
                (-self.log_prob(indices[rows]).mean() / len(self.places)).backward()
                optimizer.step()
                course.step()
        optimizer.zero_grad()
        self.requires_grad_(False)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); nobody looks ahead (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads share the width evenly, and it is {width}")
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.answered = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        split = self.asked(self.before(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split  # (n, heads, j, w / heads) each
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.answered(seen.transpose(1, 2).flatten(2))
        return x + self.think(self.after(x))
