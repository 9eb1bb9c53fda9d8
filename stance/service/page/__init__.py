"""The page for people: paste an article or drop a file, read it with its highlights, ask which words carry them.

What the page shows of an article is the report of that article, `stance.report.article_page`, in a frame.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from stance.report.pages import embedded, script

if TYPE_CHECKING:
    from stance.schema import LabelSchema

__all__ = ["page_routes"]


def page_routes(schema: LabelSchema, *, needs_token: bool) -> APIRouter:
    """The page, its style sheet and its script. They hold nothing secret, and ask for the token where there is one."""
    values = {"{{schema}}": str(embedded(schema.to_dict())), "{{token}}": "" if needs_token else "hidden"}
    page = _file("index.html")
    for name, value in values.items():
        page = page.replace(name, value)
    headers = {
        "Content-Security-Policy": _policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        response = Response(_file(name), media_type=kind, headers=headers)
        router.add_api_route(f"/{name}", _always(response), methods=["GET"], name=name)
    return router


def _policy() -> str:
    """Nothing but our own script, and that of the report, which the frame inherits the policy for."""
    report = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{report}'; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _always(response: Response):  # type: ignore[no-untyped-def]  # noqa: ANN202 - FastAPI must see no return type
    async def answer():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return response

    return answer


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
