"""What the page can ask for. `guise.cli.app.server.guard` decides who may ask."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from guise.cli.app.refusal import RefusedError
from guise.cli.app.server.archive import zipped
from guise.cli.app.tabs.session import Session
from guise.cli.app.tabs.tab import Tab

_STATIC = Path(__file__).parents[1] / "static"
_MOST_BODY = 2**16


def page(session: Session, ending: Callable[[], bool]) -> Starlette:
    """The page and what it asks for.

    Args:
        session: holds the state.
        ending: says whether the server ends.

    Returns:
        The application.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await session.close()

    async def events(request: Request) -> Response:
        known = {name: _whole(request.query_params.get(name)) for name in ("run", "sent")}

        async def lines() -> AsyncIterator[str]:
            async for message in session.feed.messages(ending, run=known["run"], sent=known["sent"]):
                yield f"data: {json.dumps(message)}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _file(_STATIC / "index.html")),
            *(Route(f"/static/{file.name}", _file(file)) for file in _STATIC.iterdir() if file.name != "index.html"),
            Route("/events", events),
            *(route for tab in session.tabs.values() for route in _routes(tab)),
        ],
        exception_handlers={RefusedError: _say},
    )


def _file(file: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(file)


async def _say(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": error.code, **error.values}, error.status)


def _routes(tab: Tab) -> list[Route]:
    async def view(request: Request) -> Response:
        file = tab.view(request.path_params["name"])
        return Response(status_code=404) if file is None else FileResponse(file)

    async def download(_: Request) -> Response:
        files = tab.files()
        if not files:
            raise RefusedError("no-copies", 404)
        named = {"content-disposition": f'attachment; filename="{tab.name}.zip"'}
        return StreamingResponse(zipped(files), media_type="application/zip", headers=named)

    async def receive(request: Request) -> Response:
        try:
            await tab.receive(request.query_params.get("name", ""), request.stream())
        except ClientDisconnect:
            raise RefusedError("cut-short") from None
        return JSONResponse({})

    async def reveal(request: Request) -> Response:
        folder = tab.folder(str((await _body(request)).get("what", "out")))
        if folder is None:
            raise RefusedError("no-copies", 404)
        await to_thread.run_sync(click.launch, str(folder), abandon_on_cancel=True)
        return JSONResponse({})

    async def act(request: Request) -> Response:
        name, asked = request.path_params["action"], await _body(request)
        if name not in tab.actions:
            return Response(status_code=404)
        method = getattr(tab, name)
        try:
            inspect.signature(method).bind(**asked)
        except TypeError:
            raise RefusedError("bad-request") from None
        await method(**asked)
        return JSONResponse({})

    return [
        Route(f"/{tab.name}/view/{{name}}", view),
        Route(f"/{tab.name}/files.zip", download),
        Route(f"/{tab.name}/files", receive, methods=["PUT"]),
        Route(f"/{tab.name}/reveal", reveal, methods=["POST"]),
        Route(f"/{tab.name}/{{action}}", act, methods=["POST"]),
    ]


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1


async def _body(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            raise RefusedError("bad-request", 413)
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise RefusedError("bad-request") from None
    if not isinstance(asked, dict):
        raise RefusedError("bad-request")
    return asked
