"""Who may ask: only a page of this server, in the browser that was given the token.

* `Host` must be this server, so that no name that is made to point here (DNS rebinding) gets an answer.
* `Origin` and `Sec-Fetch-Site` must be this page's own. What changes something must say its origin.
* The token is in the address that `guise app` prints. It is exchanged for a cookie, and every request needs the cookie.
* Every answer forbids the page to load, send or show anything from elsewhere (Content-Security-Policy).
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_REFUSED = "Refused: {}. Open the address that `guise app` printed in the terminal."


class Guard:
    """ASGI middleware that answers those who may ask, and refuses all others with 403."""

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        """Keep what requests are compared with.

        Args:
            app: what answers those who may ask.
            port: of this server.
            token: the secret in the printed address; it may be used again, from any browser of this machine.
        """
        self._app, self._token = app, token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Cookies do not tell ports apart, so that a second session would take away the first one's.
        self._name, self._cookie = f"guise-{port}", secrets.token_urlsafe(32)
        self._once: set[str] = set()

    def token_for_once(self) -> str:
        """Make a token that is good for one page, as the arguments of a browser can be seen by others.

        Returns:
            The token.
        """
        token = secrets.token_urlsafe(32)
        self._once.add(token)
        return token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks for it.

        Args:
            scope: of the request.
            receive: gives its body.
            send: takes the answer.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            return
        headers = Headers(scope=scope)
        opens = self._opens(scope)
        cookie = opens or _same(_cookie(headers, self._name), self._cookie)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(_HEADERS)
                if opens and message["status"] == 200:
                    answer.append("set-cookie", f"{self._name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        refused = self._refused(scope["method"], headers, opens=opens)
        if refused is None and not cookie:
            refused = "no token, or a wrong one"
        answer = self._app if refused is None else PlainTextResponse(_REFUSED.format(refused), 403)
        await answer(scope, receive, sealed)

    def _opens(self, scope: Scope) -> bool:
        """Whether this is the address with a token. The token for once is used up."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return False
        (given,) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[:1]
        for token in self._once:
            if _same(given, token):
                self._once.remove(token)
                return True
        return _same(given, self._token)

    def _refused(self, method: str, headers: Headers, *, opens: bool) -> str | None:
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return "this is not the name of this server"
        own = f"http://{headers['host']}"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin != own:
            return "another page asks"
        if method not in ("GET", "HEAD") and origin is None:
            return "the request does not say which page asks"
        if site not in (None, "none", "same-origin") and not opens:
            return "another page asks"
        return None


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), secret.encode())
