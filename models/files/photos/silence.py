"""C libraries that decode photos write their complaints straight to the terminal; here they are kept quiet.

Of the libraries in Pillow only libtiff does so: it prints to file descriptor 2, behind Python's back. A damaged photo
is reported by its exception, so libtiff's messages are switched off, by libtiff's own setting, while a photo is decoded
or encoded. File descriptor 2 itself is not touched: other threads may be writing to it.
"""

import ctypes
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from PIL import _imaging

# Pillow logs some damage as well; without a handler, Python would print that to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_SETTERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


class _Handlers:
    """libtiff's message handlers, which belong to the whole process: taken off by the first user, put back by the last.

    Where Pillow's libtiff cannot be reached (linked into Pillow without a name, or absent), nothing is changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[int | None] = []
        self._setters = _find_setters()

    def take_off(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = [setter(None) for setter in self._setters]

    def put_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for setter, handler in zip(self._setters, self._before, strict=True):
                    setter(handler)


def _find_setters() -> list[Any]:
    """The functions of Pillow's own libtiff that exchange a handler: they take the new one and return the old one."""
    setters: list[Any] = []
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)  # a search by name covers the libraries that it is linked to
        for name in _SETTERS:
            setter = getattr(library, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setters.append(setter)
    return setters


_HANDLERS = _Handlers()


@contextmanager
def quiet_libtiff() -> Iterator[None]:
    """Keep libtiff from writing to stderr inside the block; safe in several threads at once."""
    _HANDLERS.take_off()
    try:
        yield
    finally:
        _HANDLERS.put_back()
