"""The endpoints."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations

import stance
from stance.errors import HardwareError, StanceError
from stance.formats.write import json_line
from stance.report import article_page
from stance.service.bodies import (
    REFUSALS,
    AnalysisBody,
    ArticleBody,
    ExplainBody,
    Targets,
    analysis_of,
    article_of,
    body_of,
)
from stance.service.stream import LineStream, labelled_lines
from stance.text.clean import clean
from stance.text.segment import segment
from stance.text.targets import find_targets

if TYPE_CHECKING:
    from concurrent.futures import Future

    from stance.results import Article, ArticleAnalysis
    from stance.service.batcher import Batcher
    from stance.service.config import ServiceConfig, ServiceModel
    from stance.service.metrics import Metrics

__all__ = ["Endpoints"]

TargetQuery = Annotated[list[str], Query(description="Target of stance; once for each, in place of the article's own.")]

_TEXTS = {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/markdown", "text/html")}


def _body(model: type[Any], **more: Any) -> dict[str, Any]:
    """The description of a body that the endpoint reads itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}, **more}}}


class Endpoints:
    """The endpoints of one service.

    Args:
        model: an analyzer.
        config: the limits.
        metrics: the figures.
        batcher: what labels.
    """

    def __init__(self, model: ServiceModel, config: ServiceConfig, metrics: Metrics, batcher: Batcher) -> None:
        self._model = model
        self._config = config
        self._metrics = metrics
        self._batcher = batcher

    def router(self) -> APIRouter:
        """All endpoints, described for OpenAPI."""
        router = APIRouter()
        add = router.add_api_route
        posted: dict[str, Any] = {"methods": ["POST"], "responses": REFUSALS, "response_class": Response}
        analysis: dict[int | str, dict[str, Any]] = {200: {"model": AnalysisBody}, **REFUSALS}
        article = _body(ArticleBody, **_TEXTS)
        add("/v1/analyze", self.analyze, **posted | {"responses": analysis}, openapi_extra=article)
        lines = {"requestBody": {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}
        streamed = {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, **REFUSALS}
        add("/v1/label", self.label, **posted | {"responses": streamed}, openapi_extra=lines)
        add("/v1/targets", self.targets, **posted | {"responses": {200: {"model": Targets}, **REFUSALS}},
            openapi_extra=article)  # fmt: skip
        add("/v1/explain", self.explain, **posted, openapi_extra=_body(ExplainBody))
        add("/v1/report", self.report, **posted | {"response_class": HTMLResponse}, openapi_extra=_body(AnalysisBody))
        add("/v1/schema", self.schema, methods=["GET"], responses={401: REFUSALS[401], 429: REFUSALS[429]})
        add("/health", self.health, methods=["GET"])
        add("/metrics", self.metrics, methods=["GET"], response_class=Response, responses={401: REFUSALS[401]})
        return router

    async def analyze(self, request: Request, target: TargetQuery = []) -> Response:  # noqa: B006 - never changed
        """Label one article: JSON, or plain text, Markdown or a web page as it is."""
        analysis = await self._labelled(await self._article(request, target))
        return Response(json_line(analysis.to_dict()), media_type="application/json")

    async def label(self, request: Request) -> Response:
        """Label articles, one JSON object a line; a line comes back for each, in order, as soon as it is there.

        A line that is no article, or could not be labelled, comes back as `{"error": …, "line": …}`.
        """
        return LineStream(labelled_lines(request, self._config, self._labelled))

    async def targets(self, request: Request) -> Response:
        """Find what an article may be for or against."""
        article = await self._article(request, ())
        found = await run_in_threadpool(_targets_in, article)
        return Response(Targets(targets=found).model_dump_json(), media_type="application/json")

    async def explain(self, request: Request) -> Response:
        """Which words carry a label: what its probability loses when each is left out."""
        body = body_of(await request.body(), ExplainBody)
        analysis = analysis_of(body.analysis)
        self._check_size(analysis)
        future = self._batcher.call(
            lambda: self._model.explain(analysis, body.paragraph, body.label, body.target).to_dict()
        )
        return Response(json_line(await self._awaited(future)), media_type="application/json")

    async def report(self, request: Request, language: Annotated[str, Query(pattern="^(zh|en)$")] = "zh") -> Response:
        """An analysis as a page to read, that needs nothing else."""
        analysis = analysis_of(body_of(await request.body(), AnalysisBody))
        self._check_size(analysis)
        try:
            page = await run_in_threadpool(article_page, analysis, language, self._model.schema)
        except StanceError as error:
            raise HTTPException(422, str(error)) from error
        return HTMLResponse(page)

    async def schema(self) -> dict[str, Any]:
        """The labels, with names, definitions and examples."""
        return self._model.schema.to_dict()

    async def health(self) -> dict[str, str]:
        """Whether the service is there, and what answers."""
        return {
            "status": "ok",
            "version": stance.__version__,
            "model": self._model.model_id,
            "hardware": self._model.hardware,
        }

    async def metrics(self) -> Response:
        """Figures for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _article(self, request: Request, targets: list[str] | tuple[str, ...]) -> Article:
        data = await request.body()
        kind = request.headers.get("content-type", "")
        return await run_in_threadpool(article_of, data, kind, self._config, targets)

    async def _labelled(self, article: Article) -> ArticleAnalysis:
        analysis: ArticleAnalysis = await self._awaited(self._batcher.label(article))
        return analysis

    async def _awaited(self, future: Future[Any]) -> Any:
        """What comes of the future. Raises HTTPException 422 or 503."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._config.timeout_s)
        except asyncio.TimeoutError as error:
            reason = f"waited more than {self._config.timeout_s:g} s; try again later."
            raise HTTPException(503, reason, {"Retry-After": "5"}) from error
        except HardwareError as error:
            raise HTTPException(503, str(error)) from error
        except StanceError as error:
            raise HTTPException(422, str(error)) from error

    def _check_size(self, analysis: ArticleAnalysis) -> None:
        if len(analysis.paragraphs) > self._config.max_paragraphs:
            raise HTTPException(413, f"expected at most {self._config.max_paragraphs:,} paragraphs.")


def _targets_in(article: Article) -> list[str]:
    parts = segment(article)
    return list(find_targets(parts.title, [clean(p.text).text for p in parts.paragraphs]))
