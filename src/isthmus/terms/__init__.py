"""The things that losses are made of. Each is one equation."""

from .adversarial import fooling
from .discrepancy import imq, mmd, rbf
from .disentanglement import decomposed_kl, dip
from .divergence import capacity, free_bits, kl
from .jacobian import contraction, decoder_contraction, reconstruction_contraction
from .quantisation import codebook, commitment
from .reconstruction import expected_reconstruction, importance_weighted, reconstruction, squared_error
from .schedules import cyclical, warmup
from .score import score_function
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
from .weights import decoder_decay, orthogonality, weight_kl

__all__ = [
    "capacity",
    "code_size",
    "codebook",
    "commitment",
    "contraction",
    "cyclical",
    "decoder_contraction",
    "decoder_decay",
    "decomposed_kl",
    "dip",
    "expected_reconstruction",
    "fooling",
    "free_bits",
    "gate_l1",
    "gate_reconstruction",
    "imq",
    "importance_weighted",
    "kl",
    "kl_to_rate",
    "l0",
    "l1",
    "mmd",
    "rbf",
    "orthogonality",
    "prefix_reconstruction",
    "reconstruction",
    "reconstruction_contraction",
    "revival",
    "score_function",
    "squared_error",
    "warmup",
    "weight_kl",
]
