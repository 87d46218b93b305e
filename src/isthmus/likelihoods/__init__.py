"""What a decoder's output means: normalised densities and masses of targets, in nats.

A likelihood is made by a function of the target's shape, and options that a partial can fix:
`vae(64, likelihood=gaussian)`, `vae(64, likelihood=partial(gaussian, scale="optimal"))`.

| the data are            | family |
|-------------------------|---|
| real numbers            | `gaussian`, `laplace`, `student_t` (outliers) |
| zeros and ones          | `bernoulli` |
| in [0, 1]               | `continuous_bernoulli` |
| classes                 | `categorical` |
| counts                  | `poisson`, `multinomial` |

`likelihood.refuse(x)` says in words what in x a family cannot explain, and `log_prob(x, observed)` leaves out
what is missing: whatever number holds its place, neither the value nor a gradient changes.
"""

from .binary import bernoulli as bernoulli
from .binary import continuous_bernoulli as continuous_bernoulli
from .categories import categorical as categorical
from .counts import multinomial as multinomial
from .counts import poisson as poisson
from .likelihood import Features as Features
from .likelihood import Likelihood as Likelihood
from .likelihood import Support as Support
from .real import gaussian as gaussian
from .real import laplace as laplace
from .real import student_t as student_t
