"""What a decoder's output means: normalised densities and masses of targets, in nats.

A likelihood is made by a function of the target's shape, and options that a partial can fix:
`vae(64, likelihood=gaussian)`, `vae(64, likelihood=partial(gaussian, scale="optimal"))`.

| the data are            | family |
|-------------------------|---|
| real numbers            | `gaussian`, `laplace`, `student_t` (outliers) |
| zeros and ones          | `bernoulli` |
| in [0, 1]               | `continuous_bernoulli` |
| classes                 | `categorical` (indices), `one_hot` (blocks of zeros and a one) |
| counts                  | `poisson`, `negative_binomial` (vary more), `zero_inflated_…` of both |
| counts given their sum  | `multinomial` |
| grey levels of images   | `logistic_mixture` |
| made by a bijection    | `certain` |
| all of these in a table | `joint` |

`likelihood.refuse(x)` says in words what in x a family cannot explain, and `log_prob(x, observed)` leaves out
what is missing: whatever number holds its place, neither the value nor a gradient changes.
"""

from .binary import bernoulli as bernoulli
from .binary import continuous_bernoulli as continuous_bernoulli
from .categories import categorical as categorical
from .categories import one_hot as one_hot
from .certain import certain as certain
from .counts import multinomial as multinomial
from .counts import negative_binomial as negative_binomial
from .counts import poisson as poisson
from .counts import zero_inflated_negative_binomial as zero_inflated_negative_binomial
from .counts import zero_inflated_poisson as zero_inflated_poisson
from .likelihood import Features as Features
from .likelihood import Likelihood as Likelihood
from .likelihood import Support as Support
from .mixed import joint as joint
from .pixels import logistic_mixture as logistic_mixture
from .real import gaussian as gaussian
from .real import laplace as laplace
from .real import student_t as student_t
