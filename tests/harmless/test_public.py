from __future__ import annotations

import inspect

from guise import harmless


def test_what_is_public_is_what_is_listed_and_documented() -> None:
    visible = {
        name for name, value in vars(harmless).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert visible - {"annotations"} == set(harmless.__all__)
    for name in harmless.__all__:
        assert getattr(harmless, name).__doc__, name
