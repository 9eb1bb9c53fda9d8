"""What clients send, and what they get: bodies into articles, answers as OpenAPI describes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from starlette.exceptions import HTTPException

from stance.errors import InputError
from stance.formats import Fields, Limits, article_from_bytes
from stance.formats.rows import article_from_row
from stance.results import ArticleAnalysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.results import Article
    from stance.service.config import ServiceConfig

__all__ = [
    "REFUSALS",
    "AnalysisBody",
    "ArticleBody",
    "ExplainBody",
    "Refused",
    "Targets",
    "analysis_of",
    "article_of",
    "body_of",
    "json_of",
]

_KINDS = {"text/plain": "text", "text/markdown": "text", "text/html": "html", "application/xhtml+xml": "html"}


Share = Annotated[float, Field(ge=0, le=1)]
Body = TypeVar("Body", bound=BaseModel)


class Refused(BaseModel):
    """Why a request was refused."""

    error: str


class ArticleBody(BaseModel):
    """An article: `text` or `paragraphs`, the rest may be left out. Further fields come back untouched."""

    text: str | None = Field(None, description="The whole text; title, headings and paragraphs are found in it.")
    paragraphs: list[str] | None = Field(None, description="The paragraphs, which come back one for one.")
    id: str = ""
    title: str = ""
    targets: list[str] = Field([], description="What to judge stances towards; without any they are found.")


class SpanBody(BaseModel):
    """Words that bear a device: half-open, in code points of the paragraph's text."""

    start: int = Field(ge=0)
    end: int
    text: str
    probability: Share


class DeviceBody(BaseModel):
    """A device in a paragraph."""

    device: str
    probability: Share
    spans: list[SpanBody]


class StanceBody(BaseModel):
    """The author's stance towards a target in a paragraph."""

    target: str
    stance: str
    probability: Share
    probabilities: dict[str, Share]

    @model_validator(mode="after")
    def _has_its_probability(self) -> StanceBody:
        if self.stance not in self.probabilities:
            raise ValueError(f"probabilities lack the stance {self.stance!r}")
        return self


class ParagraphBody(BaseModel):
    """A paragraph: half-open place in code points of the article's text."""

    index: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int
    text: str
    kind: Literal["title", "heading", "body"]
    stances: list[StanceBody]
    devices: list[DeviceBody]


class AnalysisBody(BaseModel):
    """An article with its labels; further fields are those of the article."""

    id: str
    title: str
    targets: list[str]
    model: str
    paragraphs: list[ParagraphBody]
    warnings: list[str]

    @model_validator(mode="after")
    def _is_in_order(self) -> AnalysisBody:
        if [p.index for p in self.paragraphs] != list(range(len(self.paragraphs))):
            raise ValueError("paragraphs must be numbered from 0 in their order")
        return self


class ExplainBody(BaseModel):
    """A label of an analysis."""

    analysis: AnalysisBody = Field(description="What /v1/analyze returned.")
    paragraph: int = Field(description="Index of the paragraph.")
    label: str = Field(description="Id of a device or stance.")
    target: str | None = Field(None, description="Target of the stance.")


class Targets(BaseModel):
    """Targets found in an article, the most central first."""

    targets: list[str]


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": reason}
    for status, reason in {
        400: "The body is not what its content type says.",
        401: "The token is missing or wrong.",
        408: "The client fell silent.",
        413: "The body or the article is too large.",
        415: "A content type that is not known.",
        422: "The body is no article, or the parameters are wrong.",
        429: "Too many requests at work; try again.",
        503: "The service is closing, or the article waited too long; try again.",
    }.items()
}


def json_of(data: bytes) -> Any:
    """The value in a JSON body. Raises HTTPException 400."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair cannot be written back
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"expected JSON in UTF-8; {error or type(error).__name__}.") from error
    return value


def body_of(data: bytes, kind: type[Body]) -> Body:
    """The JSON body as a model. Raises HTTPException 400 or 422."""
    try:
        return kind.model_validate(json_of(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise HTTPException(422, f"{place}: {first['msg']}.") from error


def analysis_of(body: AnalysisBody) -> ArticleAnalysis:
    """The analysis that a client sent back. Raises HTTPException 422."""
    try:
        return ArticleAnalysis.from_dict(body.model_dump())
    except InputError as error:
        raise HTTPException(422, str(error)) from error


def article_of(data: bytes, content_type: str, config: ServiceConfig, targets: Sequence[str] = ()) -> Article:
    """The article in a body.

    Raises:
        HTTPException: 400, 413, 415 or 422, with the reason.
    """
    limits = Limits(max_characters=max(config.max_characters, len(data)))  # too long is another status than wrong
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            article = article_from_row(_with(json_of(data), targets), Fields(), limits, "")
        elif kind in _KINDS:
            found = article_from_bytes(data, _KINDS[kind], id="", where="the body", limits=limits)
            article = replace(found, targets=tuple(dict.fromkeys(t.strip() for t in targets if t.strip())))
        else:
            known = ", ".join(["application/json", *_KINDS])
            raise HTTPException(415, f"expected a body of {known}; found {kind or 'no content type'}.")
    except (InputError, RecursionError) as error:
        raise HTTPException(422, str(error) or "expected an article, found fields nested too deep.") from error
    _check_size(article, config)
    return article


def _with(row: Any, targets: Sequence[str]) -> Any:
    return row | {"targets": list(targets)} if targets and isinstance(row, dict) else row


def _check_size(article: Article, config: ServiceConfig) -> None:
    paragraphs = article.text.count("\n") + 1 if article.paragraphs is None else len(article.paragraphs)
    sizes = {
        "characters": (len(article.text), config.max_characters),
        "paragraphs": (paragraphs, config.max_paragraphs),
        "targets": (len(article.targets), config.max_targets),
    }
    for name, (found, most) in sizes.items():
        if found > most:
            raise HTTPException(413, f"expected at most {most:,} {name} in an article, found {found:,}. Split it.")
