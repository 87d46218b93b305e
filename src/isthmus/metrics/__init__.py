"""Measuring what a model is worth: reconstruction, likelihood, representation."""

from .likelihood import Bound, LikelihoodEstimate, bits_per_dimension, elbo, log_likelihood
from .reconstruction import mse, mse_per_row, psnr, psnr_per_image, r2, ssim, ssim_per_image
from .representation import ActiveUnits, Probe, active_units, kl_per_dimension, linear_probe, principal_angles
from .sparsity import active_per_row, dead_units, hoyer, recovery

__all__ = [
    "ActiveUnits",
    "Bound",
    "LikelihoodEstimate",
    "Probe",
    "active_per_row",
    "active_units",
    "bits_per_dimension",
    "dead_units",
    "elbo",
    "hoyer",
    "kl_per_dimension",
    "linear_probe",
    "log_likelihood",
    "mse",
    "mse_per_row",
    "principal_angles",
    "psnr",
    "psnr_per_image",
    "r2",
    "recovery",
    "ssim",
    "ssim_per_image",
]
