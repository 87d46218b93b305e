"""The things that losses are made of. Each is one equation."""

from .adversarial import fooling
from .discrepancy import imq, mmd, rbf
from .disentanglement import decomposed_kl, density_ratio, dip
from .divergence import capacity, free_bits, kl
from .jacobian import contraction, decoder_contraction, reconstruction_contraction
from .quantisation import codebook, commitment, corner_entropy
from .reconstruction import expected_reconstruction, importance_weighted, reconstruction, squared_error
from .schedules import cyclical, warmup
from .score import leave_one_out, score_function
from .sparsity import kl_to_rate, l0, l1
from .surprise import surprise

__all__ = [
    "corner_entropy",
    "capacity",
    "codebook",
    "commitment",
    "contraction",
    "cyclical",
    "decoder_contraction",
    "decomposed_kl",
    "density_ratio",
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
    "leave_one_out",
    "mmd",
    "rbf",
    "reconstruction",
    "reconstruction_contraction",
    "score_function",
    "squared_error",
    "surprise",
    "warmup",
]
