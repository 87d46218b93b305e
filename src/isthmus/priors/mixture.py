"""A prior of several Gaussians: groups of codes, with nothing between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..distributions import LOG_2PI, log_normals
from .prior import Prior


class Mixture(Prior):
    """p(z) = Σ_k π_k N(z; m_k, Σ_k): weights, means and covariances are learned.

    Learned along with a model, covariances are diagonal (the "MoG prior" of Tomczak & Welling 2018, section
    4, arXiv:1705.07120; Dilokthanakul et al. 2016, arXiv:1611.02648). With `full` they are not, which is the
    ex-post density that Ghosh et al. (2020, section 4, arXiv:1903.12436) found good, with 10 components.
    `fit` is the EM algorithm of scikit-learn; `ridge` is the variance that it adds to all, in the mean
    variance of the codes: more than a trace where components are of few rows, which they would know by heart.

    Raises ValueError for fewer than one component, and for a ridge below 0.
    """

    off_diagonal: Tensor | None

    def __init__(self, dim: int, components: int = 10, full: bool = False, ridge: float = 1e-6):
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture has at least one component, not {components}")
        if not ridge >= 0:
            raise ValueError(f"ridge is a variance, 0 or more, not {ridge}")
        self.dim, self.components, self.full, self.ridge = dim, components, full, ridge
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, dim))
        self.log_precision = nn.Parameter(torch.zeros(components, dim))
        off_diagonal = nn.Parameter(torch.zeros(components, dim, dim)) if full else None
        self.register_parameter("off_diagonal", off_diagonal)

    @property
    def factors(self) -> Tensor:
        """P_k (k, d, d), upper triangular, with Σ_k⁻¹ = P_k P_kᵀ."""
        diagonal = torch.diag_embed(self.log_precision.exp())
        return diagonal if self.off_diagonal is None else diagonal + self.off_diagonal.triu(1)

    def log_prob(self, z: Tensor) -> Tensor:
        if self.off_diagonal is None:
            each = log_normals(z, self.means, -self.log_precision)  # (..., k)
        else:
            white = torch.einsum("...kd,kde->...ke", z[..., None, :] - self.means, self.factors)
            each = self.log_precision.sum(-1) - 0.5 * (white.square() + LOG_2PI).sum(-1)
        return torch.logsumexp(self.logits.log_softmax(0) + each, -1)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        chosen = torch.multinomial(self.logits.softmax(0), n, replacement=True)  # (n,)
        noise = torch.randn_like(self.means[chosen])[..., None]  # (n, d, 1)
        spread = torch.linalg.solve_triangular(self.factors.mT[chosen], noise, upper=False)  # of P⁻ᵀ ε
        return self.means[chosen] + spread[..., 0]

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """EM (Dempster, Laird & Rubin 1977). Fewer rows than components leave some components unused."""
        from sklearn.mixture import GaussianMixture

        x = codes.double().cpu().numpy()
        model = GaussianMixture(
            min(self.components, len(x)),
            covariance_type="full" if self.full else "diag",
            reg_covar=self.ridge * max(float(x.var(0).mean()), 1e-6),
            max_iter=300,
            random_state=int(torch.randint(2**31 - 1, ())),
        ).fit(x)
        used, precision = len(model.weights_), torch.as_tensor(model.precisions_cholesky_)
        self.logits.fill_(-1e4)[:used] = torch.as_tensor(model.weights_).log()
        self.means[:used] = torch.as_tensor(model.means_).to(self.means)
        diagonal = precision.diagonal(dim1=1, dim2=2) if self.full else precision
        self.log_precision[:used] = diagonal.log().to(self.log_precision)
        if self.off_diagonal is not None:
            self.off_diagonal[:used] = precision.to(self.off_diagonal)
