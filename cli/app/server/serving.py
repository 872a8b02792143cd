"""The server: on this machine only, for as long as the command runs."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
import webbrowser
from pathlib import Path

import click
import uvicorn

from guise.cli.app.server.guard import Guard
from guise.cli.app.server.routes import page
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.session import Session
from guise.models.errors import InputError

LOOPBACK = "127.0.0.1"


def serve(settings: Settings, *, port: int, browser: bool) -> None:
    """Serve the page until the command is stopped.

    Args:
        settings: of the session.
        port: to listen on; 0 takes any that is free.
        browser: open the page in the user's browser.

    Raises:
        InputError: the port is taken.
    """
    with (
        _listening(port) as listener,
        tempfile.TemporaryDirectory(prefix="guise-", ignore_cleanup_errors=True) as place,
    ):
        port = listener.getsockname()[1]
        session = Session(settings, Path(place).resolve())
        token = secrets.token_urlsafe(32)
        guard = Guard(page(session, lambda: server.should_exit), port=port, token=token)
        config = uvicorn.Config(
            guard, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        address = f"http://{LOOPBACK}:{port}/?token="
        click.echo(f"{address}{token}")
        click.echo("Open this address in a browser on this machine. Keep it to yourself. Stop with Ctrl-C.", err=True)
        if browser:
            opened = address + guard.token_for_once()
            threading.Thread(target=webbrowser.open, args=(opened,), daemon=True).start()
        server.run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise InputError(f"`port={port}` cannot be used: {error.strerror}; name another, or leave it out") from None
