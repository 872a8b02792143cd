"""Templates to pages whose content policy allows what is in them, and nothing else."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from guise.models.files import one_line
from guise.models.flags import as_flags

_CODE = re.compile(r"`([^`\n]+)`")


def environment(package: str) -> Environment:
    """The templates of a package's own folder `templates`, which may build on `frame.html` and `tables.html` here.

    Args:
        package: its full name.

    Returns:
        With the filter `prose` for sentences, and `cell` for what stands in tables.
    """
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(prose=prose, cell=prose)
    return made


def inline(package: str, name: str) -> tuple[Markup, str]:
    """A style or script of ours, to stand in a page.

    Args:
        package: whose folder `templates` it lies in; what all pages share goes first.
        name: of the file.

    Returns:
        Its text as it is, with nothing of the user's in it, and the hash by which a content policy allows that text.
    """
    folders = [files(owner) / "templates" / name for owner in (__package__, package)]
    text = "".join(file.read_text("utf-8") for file in folders if file.is_file())
    return Markup(text), f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def prose(text: str) -> Markup:
    """A sentence on one line, with flags for parameters, and as code what stands between backticks.

    Args:
        text: as the library says it.
    """
    return Markup(_CODE.sub(r"<code>\1</code>", str(Markup.escape(as_flags(one_line(text))))))
