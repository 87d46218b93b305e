"""The doctor: what commonly goes wrong with an autoencoder, looked for in a fitted one."""

from .checks import CHECKS
from .examination import Diagnosis, Finding, Half, Patient, examine

__all__ = ["CHECKS", "Diagnosis", "Finding", "Half", "Patient", "examine"]
