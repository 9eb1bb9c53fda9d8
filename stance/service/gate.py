"""What stands before every request: the token, the limits on requests and bytes, and the counting.

Plain ASGI, so that streams pass through unbuffered and a refusal costs nothing: it comes before the body is read.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from stance.service.config import ServiceConfig
    from stance.service.metrics import Metrics

__all__ = ["Gate"]

_STREAM = "/v1/label"


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, config: ServiceConfig, metrics: Metrics) -> None:
        self._app = app
        self._config = config
        self._metrics = metrics
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        works = scope["path"].startswith("/v1/")
        try:
            refusal = self._refusal(scope, works=works)
            if refusal is not None:
                await refusal(scope, receive, counted)
                return
            self._count(works)
            try:
                await self._app(scope, self._limited(scope, receive), counted)
            finally:
                self._count(-works)
        finally:
            # the path of the route, not what the client made up, so that figures stay few
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - begun)

    def _count(self, change: int) -> None:
        self._at_work += change
        self._metrics.at_work.set(self._at_work)

    def _refusal(self, scope: Scope, *, works: bool) -> JSONResponse | None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if (works or scope["path"] == "/metrics") and not self._knows_token(headers):
            return _refused(401, "expected the header Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"})
        length = headers.get(b"content-length", b"0")
        if scope["path"] != _STREAM and length.isdigit() and int(length) > self._config.max_body_bytes:
            return _refused(413, self._too_large)
        if works and self._at_work >= self._config.max_requests:
            return _refused(429, f"{self._at_work} requests are at work; try again in a second.", {"Retry-After": "1"})
        return None

    def _knows_token(self, headers: dict[bytes, bytes]) -> bool:
        expected = f"Bearer {self._config.token}".encode()
        return not self._config.token or hmac.compare_digest(headers.get(b"authorization", b""), expected)

    @property
    def _too_large(self) -> str:
        return f"expected a body of at most {self._config.max_body_bytes:,} bytes. Send less, or lines to {_STREAM}."

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """The body, as long as it is not too long and the client does not fall silent."""
        received = 0
        whole = False

        async def limited() -> Message:
            nonlocal received, whole
            if whole:  # only a disconnection can come now, and that may take its time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._config.timeout_s)
            except asyncio.TimeoutError as error:
                raise HTTPException(408, f"nothing came for {self._config.timeout_s:g} s.") from error
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if scope["path"] != _STREAM and received > self._config.max_body_bytes:
                raise HTTPException(413, self._too_large)
            return message

        return limited


def _refused(status: int, reason: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers=headers)
