"""What all tests share."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)  # workers run side by side, and sums come out alike on every machine

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("isthmus", deadline=None, max_examples=50)  # machines are noisy: no time limits
settings.load_profile("isthmus")


@pytest.fixture(scope="session")
def datasets() -> str:
    """The folder of real data sets; tests that need it are skipped where there is none."""
    folder = os.environ.get("ISTHMUS_DATA", "")
    if not os.path.isdir(folder):
        pytest.skip("needs the real data sets: set ISTHMUS_DATA to their folder")
    return folder
