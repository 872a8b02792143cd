"""The umbrella command. Nothing here imports torch: `--help` answers at once."""

from __future__ import annotations

import importlib
import io
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, NoReturn

import click

from guise.models.errors import GuiseError, InputError
from guise.models.flags import as_flags

_COMMANDS = {  # name: (module, attribute, short help)
    "protect": ("guise.cli.protect", "protect", "Protect a folder of photos with one personal mask."),
    "app": ("guise.cli.app", "app", "The same on a page in your browser, on this machine."),
    "verify": ("guise.cli.verify", "verify", "Measure on saved files how well recognisers still match."),
    "restore": ("guise.cli.restore", "restore", "Take the mask off again, with the key."),
    "dpaf": ("guise.cli.dpaf", "dpaf", "Train and release private synthetic images."),
    "harmless": ("guise.cli.harmless", "harmless", "What a model provably ignores, and pictures made of it."),
    "models": ("guise.cli.models", "models", "List, fetch and verify recognisers."),
    "demo": ("guise.cli.demo", "demo", "Protect a folder of bundled demo photos."),
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str, str]], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        module, attribute, _ = self._lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, _, short) in self._lazy.items()])


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="guise")
def guise() -> None:
    """Keep people out of the data that pictures give away."""


def run(command: click.Command, **extra: Any) -> NoReturn:
    """Run `command`, turn errors raised on purpose into one line on stderr, and exit.

    Exit codes: 0 all done, 1 failed, 2 wrong usage, 3 done but some items were not.
    """
    signal.signal(signal.SIGTERM, _stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: no file name may end a run
    try:
        code = command.main(standalone_mode=False, **extra)
        sys.exit(code if isinstance(code, int) else 0)
    except GuiseError as error:
        _complain(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        how = (
            str(stop) or str(stop.__cause__ or "") or "What was finished is kept; run the same command again to go on."
        )
        click.echo(f"Stopped. {how}", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # from where nobody expected one: still no traceback
        _complain(f"the system refused to use {error.filename or 'a file'}: {error.strerror or error}")
        sys.exit(1)


def _complain(text: str) -> None:
    """Show an error on one line, whatever file names it mentions."""
    from guise.models.files import one_line

    click.echo(one_line(as_flags(f"Error: {text}")), err=True)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    # As on Ctrl-C: whatever is being written is taken away on the way out.
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Entry point of `guise`."""
    run(guise, prog_name="guise")


def protect_main() -> NoReturn:
    """Entry point of `protect`."""
    from guise.cli.protect import protect

    run(protect, prog_name="protect")
