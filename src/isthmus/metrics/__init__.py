"""Measuring what a model is worth: reconstruction, likelihood, representation, and how sure that is."""

from .aggregate import KLParts, kl_parts
from .agreement import UDR, udr
from .annealing import annealed_log_likelihood
from .clusters import Clusters, cluster_scores
from .codes import CodebookUse, CodeLength, code_length, codebook_use
from .coverage import Coverage, precision_recall
from .curves import RatePoint, gaussian_rate, rate_distortion
from .dimension import IntrinsicDimension, intrinsic_dimension
from .disentanglement import (
    DCI,
    dci,
    dci_of,
    explicitness,
    irs,
    mig,
    modularity,
    modularity_of,
    mutual_informations,
    sap,
)
from .energies import energy
from .extractors import GreyFeatures, grey_features, inception_features, perceptual_distance
from .generation import KernelDistance, frechet_distance, kernel_distance
from .gradients import gradient_norms
from .imputation import Imputed, imputed
from .inference import InferenceGap, Refined, amortisation_gap, best_codes
from .information import MutualInformation, mutual_information
from .interventions import beta_vae_score, factor_vae_score
from .likelihood import Bound, LikelihoodEstimate, bits_per_dimension, elbo, log_likelihood
from .neighbours import (
    continuity,
    continuity_per_row,
    knn_probe,
    trustworthiness,
    trustworthiness_per_row,
)
from .rates import information_per_dimension
from .reconstruction import mse, mse_per_row, psnr, psnr_per_image, r2
from .representation import (
    ActiveUnits,
    Probe,
    active_units,
    kl_per_dimension,
    kl_per_layer,
    linear_probe,
    principal_angles,
)
from .significance import Interval, Paired, bootstrap, holm, paired
from .sparsity import Sparsity, active_per_row, dead_units, hoyer, recovery, sparsity, sparsity_table
from .structure import ms_ssim, ms_ssim_per_image, ssim, ssim_per_image
from .suggestion import Suggestion, suggest_dim
from .tables import TableComparison, compare_tables

__all__ = [
    "ActiveUnits",
    "Bound",
    "Clusters",
    "CodeLength",
    "CodebookUse",
    "Coverage",
    "DCI",
    "GreyFeatures",
    "Imputed",
    "InferenceGap",
    "Interval",
    "IntrinsicDimension",
    "KLParts",
    "KernelDistance",
    "LikelihoodEstimate",
    "MutualInformation",
    "Paired",
    "Probe",
    "RatePoint",
    "Refined",
    "Sparsity",
    "Suggestion",
    "TableComparison",
    "UDR",
    "active_per_row",
    "active_units",
    "amortisation_gap",
    "annealed_log_likelihood",
    "best_codes",
    "beta_vae_score",
    "bits_per_dimension",
    "bootstrap",
    "cluster_scores",
    "code_length",
    "codebook_use",
    "compare_tables",
    "continuity",
    "continuity_per_row",
    "dci",
    "dci_of",
    "dead_units",
    "elbo",
    "explicitness",
    "factor_vae_score",
    "energy",
    "frechet_distance",
    "gaussian_rate",
    "gradient_norms",
    "grey_features",
    "holm",
    "hoyer",
    "imputed",
    "inception_features",
    "information_per_dimension",
    "intrinsic_dimension",
    "irs",
    "kernel_distance",
    "kl_parts",
    "kl_per_dimension",
    "kl_per_layer",
    "knn_probe",
    "linear_probe",
    "log_likelihood",
    "mig",
    "modularity",
    "modularity_of",
    "ms_ssim",
    "ms_ssim_per_image",
    "mse",
    "mse_per_row",
    "mutual_information",
    "mutual_informations",
    "paired",
    "perceptual_distance",
    "precision_recall",
    "principal_angles",
    "psnr",
    "psnr_per_image",
    "r2",
    "rate_distortion",
    "recovery",
    "sap",
    "sparsity",
    "sparsity_table",
    "ssim",
    "ssim_per_image",
    "suggest_dim",
    "trustworthiness",
    "trustworthiness_per_row",
    "udr",
]
