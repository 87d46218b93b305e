"""How many dimensions a code needs: three views of the data that err in different ways, and their median."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .dimension import IntrinsicDimension, distinct, intrinsic_dimension

ROWS = 3000  # looked at, at most: neighbours of more cost time and say little else
NEIGHBOURS = 20
CENTRES = 400  # rows around which the data are taken to be flat


class Evidence(NamedTuple):
    """What `dim` dimensions leave unexplained, as shares of the variance: one hyperplane through all rows
    (PCA), and one of its own around each row. `drop` is by how much the next dimension of these is smaller,
    log λ_dim − log λ_dim+1: the elbow is where it is largest."""

    dim: int
    pca: float
    local: float
    drop: float


class Suggestion(NamedTuple):
    """The number, and what speaks for it.

    Attributes:
        dim: the smallest code that should suffice.
        evidence: a row for each dimension looked at.
        elbow: the dimension after which the local error falls no further; None where nothing stands out.
        two_nn: TwoNN's estimate. neighbours: that of the 20 nearest, corrected for its bias.
        sentence: all of it in words.
    """

    dim: int
    evidence: tuple[Evidence, ...]
    elbow: int | None
    two_nn: IntrinsicDimension
    neighbours: float
    sentence: str

    def __str__(self) -> str:
        lines = [f"{'dim':>4}  {'PCA error':>9}  {'local error':>11}  {'drop':>6}"]
        for row in self.evidence:
            mark = "  <" if row.dim == self.dim else ""
            drop = f"{row.drop:6.2f}" if np.isfinite(row.drop) else f"{'':6}"
            lines.append(f"{row.dim:4}  {row.pca:9.4f}  {row.local:11.4f}  {drop}{mark}")
        return "\n".join([*lines, self.sentence])


def suggest_dim(x: Any, *, units: str = "columns", seed: int = 0) -> Suggestion:
    """The smallest code that should suffice for rows: their intrinsic dimension, and the elbow of the error.

    Nothing is trained. Three estimates are made, and their median, rounded, is suggested:

    - TwoNN (Facco et al. 2017), of the finest scale: noise adds to it, edges and few rows take from it.
    - The 20 nearest neighbours by maximum likelihood (Levina & Bickel 2005; MacKay & Ghahramani 2005), which
      noise of that size does not reach, corrected by what the same estimator says of as many Gaussian and
      uniform rows of known dimension. Curvature adds to it.
    - The elbow of the error of hyperplanes fitted around each row, near the estimate before: the largest drop
      from one eigenvalue to the next. Right where the manifold is flat at that scale, one too many where it
      is a sphere. Where no drop stands out, there is none, and the mean of the other two is taken.

    PCA's error stands beside them. A rule such as "95 % of the variance" answers another question, how many
    *straight* dimensions there are: of a curved manifold it says too many, of a few noisy columns too few.

    Trust it up to about ten dimensions and from about 500 rows. Noise larger than the distance between
    neighbours hides what is below. Strong curvature in many dimensions, with too few rows to follow it, adds
    to the number: a ten-dimensional manifold of 2000 rows, bent within the width of its codes, was taken for
    11 or 12. A closed surface, a sphere or a ring, cannot be laid out in as many numbers as it has
    dimensions: take one more. In doubt, `isthmus compare` with several `--dim`.

    Args:
        x: (n, ...), flattened; of more than 3000 distinct rows, 3000 at random. Repeated rows count once.
        units: "columns" divides each column by its standard deviation, "whole" leaves values as they are.
        seed: of the rows drawn.

    Raises:
        ValueError: if values are missing, or there are fewer than 10 distinct rows.

    >>> print(suggest_dim(x).sentence)  # doctest: +SKIP
    5 dimensions should suffice: the error's elbow is at 5, nearest neighbours see 5.2 (TwoNN 4.9 [4.7, 5.1]).
    """
    if units not in ("columns", "whole"):
        raise ValueError(f'units are "columns" or "whole", not {units!r}')
    rows, _ = distinct(x)
    rows = rows[:, np.ptp(rows, 0) > 0]
    if units == "columns":
        rows = (rows - rows.mean(0)) / rows.std(0)
    rng = np.random.default_rng(seed)
    rows = rows[np.sort(rng.permutation(len(rows))[:ROWS])]
    n, d = rows.shape
    two_nn = intrinsic_dimension(rows, seed=seed)
    neighbours = min(_corrected(_likelihood(rows, NEIGHBOURS), n), float(d))
    spectrum = _local(rows, neighbours, rng)
    elbow = _elbow(spectrum, neighbours)
    views = [two_nn.dimension.estimate, neighbours] + ([] if elbow is None else [float(elbow)])
    dim = int(np.clip(round(float(np.median(views))), 1, min(d, n - 1)))
    evidence = _evidence(rows, spectrum, dim)
    return Suggestion(dim, evidence, elbow, two_nn, neighbours, _sentence(dim, elbow, two_nn, neighbours))


def _sentence(dim: int, elbow: int | None, two_nn: IntrinsicDimension, neighbours: float) -> str:
    what = "dimension" if dim == 1 else "dimensions"
    bend = "the error has no clear elbow" if elbow is None else f"the error's elbow is at {elbow}"
    low, high = two_nn.dimension.low, two_nn.dimension.high
    sentence = (
        f"{dim} {what} should suffice: {bend}, nearest neighbours see {neighbours:.1f} "
        f"(TwoNN {two_nn.dimension.estimate:.1f} [{low:.1f}, {high:.1f}])."
    )
    if max(abs(view - dim) for view in (two_nn.dimension.estimate, neighbours, elbow or dim)) > 1.5:
        sentence += " The three disagree: try the numbers between them."
    if two_nn.rows < 500:
        sentence += f" {two_nn.rows} distinct rows are few for this."
    return sentence


def _likelihood(rows: Array, k: int) -> float:
    """Levina & Bickel's estimate from k neighbours, inverses averaged over rows as MacKay & Ghahramani do."""
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(rows) - 1)
    distance, _ = NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows)
    distance = distance[:, 1:]
    return float(1 / np.mean(np.log(distance[:, -1:] / distance[:, :-1]).sum(1) / max(k - 2, 1)))


@lru_cache(maxsize=256)
def _expected(n: int, dim: int) -> float:
    """What that estimate is for n rows of `dim` dimensions: the mean of Gaussian and uniform ones."""
    rng = np.random.default_rng(dim)
    clouds = rng.normal(size=(n, dim)), rng.uniform(size=(n, dim))
    return sum(_likelihood(cloud, NEIGHBOURS) for cloud in clouds) / 2


MOST = 64  # dimensions, where the correction ends


def _corrected(estimate: float, n: int) -> float:
    """The dimension for which that estimate would be expected of n rows."""
    dim = max(1, int(estimate))
    while dim < MOST and _expected(n, dim + 1) < estimate:
        dim += 1
    low, high = _expected(n, dim), _expected(n, dim + 1)
    return float(dim + np.clip((estimate - low) / (high - low), 0, 1))


def _local(rows: Array, near: float, rng: np.random.Generator) -> Array:
    """Log eigenvalues around a row, (m,), the largest first: means over rows and over two sizes."""
    from sklearn.neighbors import NearestNeighbors

    n, d = rows.shape
    centres = rows[rng.permutation(n)[:CENTRES]]
    sizes = [min(n, max(15, int(3 * near))), min(n, int(5 * near) + 10)]
    m = min(d, sizes[0] - 1)
    _, index = NearestNeighbors(n_neighbors=max(sizes)).fit(rows).kneighbors(centres)
    logs = np.zeros(m)
    for size in sizes:
        around = rows[index[:, :size]]  # (c, size, d)
        values = np.linalg.svd(around - around.mean(1, keepdims=True), compute_uv=False)[:, :m]  # (c, m)
        logs += np.log(np.square(values) + 1e-12 * np.square(values[:, :1])).mean(0)
    return logs / len(sizes)


CLEAR = 1.25  # times the drops beside it: what stands out


def _elbow(spectrum: Array, near: float) -> int | None:
    """The dimension after the largest drop about `near`; None where none stands out."""
    drop = spectrum[:-1] - spectrum[1:]  # drop[i] is after dimension i + 1
    below = max(2, round(0.3 * near))  # curvature makes `near` too large, and nothing makes it much too small
    low, high = max(1, round(near) - below), min(len(drop), round(near) + 2)
    if low > high:
        return None
    best = low + int(drop[low - 1 : high].argmax())
    beside = [drop[i - 1] for i in (best - 1, best + 1) if 1 <= i <= len(drop)]
    return best if not beside or drop[best - 1] > CLEAR * max(beside) else None


def _evidence(rows: Array, spectrum: Array, dim: int) -> tuple[Evidence, ...]:
    values = np.square(np.linalg.svd(rows - rows.mean(0), compute_uv=False))
    pca = 1 - np.cumsum(values) / values.sum()
    local = 1 - np.cumsum(np.exp(spectrum)) / np.exp(spectrum).sum()
    drop = np.append(spectrum[:-1] - spectrum[1:], np.nan)
    shown = range(min(len(spectrum), len(pca), max(2 * dim, dim + 4)))
    return tuple(
        Evidence(i + 1, max(0.0, float(pca[i])), max(0.0, float(local[i])), float(drop[i])) for i in shown
    )
