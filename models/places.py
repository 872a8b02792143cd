"""Where Guise keeps what it can fetch or make again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder of downloads, converted weights and locks, which need not exist.

    Returns:
        The folder that the environment variable `GUISE_CACHE` names, else the platform's place for caches.
    """
    chosen = os.environ.get("GUISE_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("guise", appauthor=False))
