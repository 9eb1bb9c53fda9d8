"""The application, put together, and the server that runs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse

import stance
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

__all__ = ["create_app", "serve"]

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


def serve(model: ServiceModel, host: str, port: int, config: ServiceConfig | None = None) -> None:
    """Run the service until it is told to stop; requests at work are finished.

    Raises:
        OSError: the port is taken.
    """
    import uvicorn  # noqa: PLC0415

    config = config or ServiceConfig()
    uvicorn.run(
        create_app(model, config),
        host=host,
        port=port,
        log_level="warning",
        limit_concurrency=4 * config.max_requests,  # of connections: past it uvicorn itself answers 503
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
