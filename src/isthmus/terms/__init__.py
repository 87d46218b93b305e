"""The things that losses are made of. Each is one equation."""

from .adversarial import fooling, likeness, looks_real, noise_error, rows_fooling, swapping, told
from .discrepancy import imq, mmd, rbf, sliced
from .disentanglement import decomposed_kl, dip
from .divergence import capacity, free_bits, kl
from .jacobian import contraction, decoder_contraction, reconstruction_contraction
from .labels import cross_entropy
from .quantisation import codebook, commitment
from .reconstruction import expected_reconstruction, importance_weighted, reconstruction, squared_error
from .schedules import cyclical, warmup
from .score import score_function
from .sparsity import kl_to_rate, l0, l1

__all__ = [
    "capacity",
    "codebook",
    "commitment",
    "contraction",
    "cross_entropy",
    "cyclical",
    "decoder_contraction",
    "decomposed_kl",
    "dip",
    "expected_reconstruction",
    "fooling",
    "free_bits",
    "imq",
    "importance_weighted",
    "kl",
    "kl_to_rate",
    "l0",
    "l1",
    "likeness",
    "looks_real",
    "mmd",
    "noise_error",
    "rbf",
    "reconstruction",
    "reconstruction_contraction",
    "rows_fooling",
    "score_function",
    "sliced",
    "squared_error",
    "swapping",
    "told",
    "warmup",
]
