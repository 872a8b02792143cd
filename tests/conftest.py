"""The same Hypothesis examples in every run, so that what CI finds can be found again.

`--hypothesis-profile=default` looks for new ones.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)  # a busy machine is no failure
settings.load_profile("repeatable")
