"""The application, put together, and the server that runs it."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse

import stance
from stance.errors import RunError
from stance.service.batcher import Batcher
from stance.service.config import ServiceConfig
from stance.service.gate import Gate
from stance.service.metrics import Metrics
from stance.service.page import page_routes
from stance.service.routes import Endpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from stance.service.config import ServiceModel

__all__ = ["create_app", "listen", "serve"]

GRACE_SECONDS = 30
"""How long requests at work may take to finish once the server is told to stop."""


def create_app(model: ServiceModel, config: ServiceConfig | None = None) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        model: an `Analyzer`.
        config: limits, token.
    """
    config, metrics = config or ServiceConfig(), Metrics()
    batcher = Batcher(model, config.batch_articles, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        batcher.close()

    app = FastAPI(
        title="stance",
        description="Author's stance and rhetorical devices, with exact spans, in Chinese news and commentary.",
        version=stance.__version__,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(Endpoints(model, config, metrics, batcher).router())
    app.include_router(page_routes(model.schema, needs_token=bool(config.token)))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Gate, config=config, metrics=metrics)
    if config.hosts:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(config.hosts))
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - Starlette calls it so
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - Starlette calls it so
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = dict(error.errors()[0])
    return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}."}, 422)


def listen(host: str, port: int) -> socket.socket:
    """A socket on which the service can be reached; port 0 takes any that is free.

    Raises:
        RunError: the port is taken or not allowed, or the address is none of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise RunError(
            f"Expected a free port on an address of this machine; found {host} port {port}: {error.strerror}. End the "
            "program that uses it, or choose another --port (0 for any that is free) or --host."
        ) from error


def serve(model: ServiceModel, listener: socket.socket, config: ServiceConfig | None = None) -> None:
    """Run the service until it is told to stop (SIGINT, SIGTERM); requests at work are finished."""
    import uvicorn  # noqa: PLC0415

    config = config or ServiceConfig()
    options = uvicorn.Config(
        create_app(model, config),
        log_level="warning",
        limit_concurrency=4 * config.max_requests,  # of connections: past it uvicorn itself answers 503
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    with listener, suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has ended
        uvicorn.Server(options).run(sockets=[listener])
