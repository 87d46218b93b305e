"""The doctor: what commonly goes wrong with an autoencoder, looked for in a fitted one."""

from .checks import CHECKS
from .examination import Diagnosis, Half, Patient, examine
from .findings import Bars, Curves, Finding, Spread

__all__ = ["CHECKS", "Bars", "Curves", "Diagnosis", "Finding", "Half", "Patient", "Spread", "examine"]
