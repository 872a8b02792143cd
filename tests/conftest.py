"""What all tests share."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: workers share the cores, and a thread each is fastest.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# The same Hypothesis examples in every run, so that what CI finds can be found again.
# `--hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)  # a busy machine is no failure
settings.load_profile("repeatable")
