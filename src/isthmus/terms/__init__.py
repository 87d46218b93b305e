"""The things that losses are made of. Each is one equation."""

from .adversarial import fooling, likeness, looks_real, noise_error, rows_fooling, swapping, told
from .contrast import barlow, covariance, info_nce, invariance, variance, vicreg
from .discrepancy import imq, mmd, rbf, sliced
from .disentanglement import decomposed_kl, density_ratio, dip
from .divergence import capacity, free_bits, kl
from .energy import energy, hinge, negative_energy, negative_square
from .jacobian import contraction, decoder_contraction, reconstruction_contraction
from .quantisation import codebook, commitment, corner_entropy
from .reconstruction import (
    expected_reconstruction,
    hidden_reconstruction,
    importance_weighted,
    reconstruction,
    squared_error,
)
from .schedules import cyclical, warmup
from .score import leave_one_out, score_function
from .sparsity import (
    code_size,
    gate_l1,
    gate_reconstruction,
    kl_to_rate,
    l0,
    l1,
    prefix_reconstruction,
    revival,
)
from .supervision import classification, cross_entropy, marginalised
from .surprise import surprise
from .weights import decoder_decay, orthogonality, weight_kl

__all__ = [
    "energy",
    "hinge",
    "negative_energy",
    "negative_square",
    "barlow",
    "covariance",
    "info_nce",
    "invariance",
    "variance",
    "vicreg",
    "capacity",
    "classification",
    "code_size",
    "codebook",
    "commitment",
    "contraction",
    "corner_entropy",
    "cyclical",
    "cross_entropy",
    "decoder_contraction",
    "decoder_decay",
    "decomposed_kl",
    "density_ratio",
    "dip",
    "expected_reconstruction",
    "fooling",
    "free_bits",
    "gate_l1",
    "gate_reconstruction",
    "hidden_reconstruction",
    "importance_weighted",
    "imq",
    "kl",
    "kl_to_rate",
    "l0",
    "l1",
    "leave_one_out",
    "likeness",
    "looks_real",
    "marginalised",
    "mmd",
    "noise_error",
    "orthogonality",
    "prefix_reconstruction",
    "rbf",
    "reconstruction",
    "reconstruction_contraction",
    "revival",
    "rows_fooling",
    "score_function",
    "sliced",
    "squared_error",
    "surprise",
    "swapping",
    "told",
    "warmup",
    "weight_kl",
]
