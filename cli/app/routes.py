"""What the page can ask for."""

from __future__ import annotations

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

from guise.cli.app.archive import zipped
from guise.cli.app.session import Session
from guise.cli.app.uploads import RefusedError

_STATIC = Path(__file__).parent / "static"
_MOST_BODY = 2**16


def page(session: Session, ending: Callable[[], bool]) -> Starlette:
    """The page and what it asks for. `guise.cli.app.guard` decides who may ask.

    Args:
        session: holds the state.
        ending: says whether the server ends.

    Returns:
        The application.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await session.work.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _file("index.html")),
            *(
                Route(f"/static/{name}", _file(name))
                for name in ("app.js", "gallery.js", "icon.svg", "style.css", "texts.json")
            ),
            *_Asked(session, ending).routes(),
        ],
        exception_handlers={RefusedError: _say},
    )


def _file(name: str) -> Callable[[Request], Response]:
    return lambda _: FileResponse(_STATIC / name)


async def _say(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": error.code, **error.values}, error.status)


class _Asked:
    """Answers of one session."""

    def __init__(self, session: Session, ending: Callable[[], bool]) -> None:
        self._session, self._ending = session, ending

    def routes(self) -> list[Route]:
        return [
            Route("/events", self.events),
            Route("/view/{name}", self.view),
            Route("/copies.zip", self.copies),
            Route("/photos", self.receive, methods=["PUT"]),
            *(
                Route(f"/{name}", getattr(self, name), methods=["POST"])
                for name in ("look", "protect", "stop", "resume", "again", "reveal")
            ),
        ]

    async def events(self, _: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            async for message in self._session.feed.messages(self._ending):
                yield f"data: {json.dumps(message)}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def view(self, request: Request) -> Response:
        file = self._session.view(request.path_params["name"])
        return Response(status_code=404) if file is None else FileResponse(file)

    async def copies(self, _: Request) -> Response:
        copies = self._session.copies()
        if not copies:
            raise RefusedError("no-copies", 404)
        named = {"content-disposition": 'attachment; filename="protected.zip"'}
        return StreamingResponse(zipped(copies), media_type="application/zip", headers=named)

    async def receive(self, request: Request) -> Response:
        if self._session.step != "choose":
            raise RefusedError("not-now", 409)
        try:
            await self._session.receive(request.query_params.get("name", ""), request.stream())
        except ClientDisconnect:
            raise RefusedError("cut-short") from None
        return JSONResponse({})

    async def look(self, request: Request) -> Response:
        folder = (await _body(request)).get("folder")
        if folder is not None and not isinstance(folder, str):
            raise RefusedError("bad-request")
        await self._session.look(folder)
        return JSONResponse({})

    async def protect(self, request: Request) -> Response:
        asked = await _body(request)
        chosen = asked.get("chosen")
        if not isinstance(chosen, list):
            raise RefusedError("bad-request")
        await self._session.protect(chosen, str(asked.get("strength")))
        return JSONResponse({})

    async def stop(self, _: Request) -> Response:
        await self._session.stop()
        return JSONResponse({})

    async def resume(self, _: Request) -> Response:
        await self._session.resume()
        return JSONResponse({})

    async def again(self, _: Request) -> Response:
        await self._session.again()
        return JSONResponse({})

    async def reveal(self, _: Request) -> Response:
        out = self._session.state()["out"]
        if not self._session.copies():
            raise RefusedError("no-copies", 404)
        await to_thread.run_sync(click.launch, out, abandon_on_cancel=True)
        return JSONResponse({})


async def _body(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            raise RefusedError("bad-request", 413)
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("bad-request") from None
    if not isinstance(asked, dict):
        raise RefusedError("bad-request")
    return asked
