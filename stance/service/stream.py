"""Lines in, lines out, at the same time: articles go to the batcher as they come, answers leave in their order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from stance.formats.write import json_line
from stance.service.bodies import article_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from stance.results import Article, ArticleAnalysis
    from stance.service.config import ServiceConfig

__all__ = ["LineStream", "labelled_lines"]

_TOO_LONG = "expected at most {:,} bytes in a line."


class LineStream(Response):
    """A response of lines that are made while the request is still being read.

    Starlette's own StreamingResponse would read the request itself, to learn of a disconnection.
    """

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send the lines as they come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def labelled_lines(
    request: Request, config: ServiceConfig, label: Callable[[Article], Awaitable[ArticleAnalysis]]
) -> AsyncIterator[bytes]:
    """A line of JSON for each line of the request: an analysis, or the reason why there is none."""
    at_work: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(config.stream_ahead)
    reading = asyncio.create_task(_read(request, config, label, at_work))
    try:
        while (task := await at_work.get()) is not None:
            yield await task
    finally:
        reading.cancel()
        while not at_work.empty():
            if task := at_work.get_nowait():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read(
    request: Request,
    config: ServiceConfig,
    label: Callable[[Article], Awaitable[ArticleAnalysis]],
    at_work: asyncio.Queue[asyncio.Task[bytes] | None],
) -> None:
    number = 0
    try:
        async for number, line in _lines(request, config.max_body_bytes):
            await at_work.put(asyncio.create_task(_answer(number, line, config, label)))
    except (HTTPException, ClientDisconnect) as error:
        reason = error.detail if isinstance(error, HTTPException) else "the client went away."
        await at_work.put(asyncio.create_task(_error(number + 1, f"{reason} What follows was not read.")))
    await at_work.put(None)


async def _answer(
    number: int, line: bytes, config: ServiceConfig, label: Callable[[Article], Awaitable[ArticleAnalysis]]
) -> bytes:
    if len(line) > config.max_body_bytes:
        return await _error(number, _TOO_LONG.format(config.max_body_bytes))
    try:
        return json_line((await label(article_of(line, "application/json", config))).to_dict())
    except HTTPException as error:
        return await _error(number, error.detail)
    except Exception:  # noqa: BLE001 - the other lines must not suffer, and the batcher has counted it
        return await _error(number, "this article could not be labelled.")


async def _error(number: int, reason: str) -> bytes:
    return json_line({"error": reason, "line": number})


async def _lines(request: Request, most: int) -> AsyncIterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1, blank ones left out. Raises HTTPException 413 for one that does not end."""
    number, rest = 0, b""
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line
        if len(rest) > most:
            raise HTTPException(413, _TOO_LONG.format(most))
    if rest.strip():
        yield number + 1, rest
