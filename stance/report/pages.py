"""Pages from templates. Whatever is put into one is escaped, and nothing on it can reach the network.

Three walls stand between the text of an article and the reader: every value is stripped of what shows nothing or
turns the reading direction, then escaped for HTML (or, as data, for JSON in a script element), and the policy of the
page lets no script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stance.report.markup import blocks, marked
from stance.report.palette import device_styles
from stance.summary import domains
from stance.summary.quoting import visible

if TYPE_CHECKING:
    from stance.schema import LabelSchema

__all__ = ["Assets", "embedded", "environment", "packed", "render", "script", "style_sheet"]

_JSON = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


class Assets:
    """Where a page has its style sheet and its script from.

    Args:
        schema: the labels.
        folder: relative address of the folder that holds both; None for a page that carries them.
    """

    def __init__(self, schema: LabelSchema, folder: str | None = None) -> None:
        self.folder = folder
        self.style = Markup(style_sheet(schema))  # our own file
        self.script = Markup(script())  # our own file
        digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
        source, style = ("'self'", "'self' ") if folder is not None else (f"'sha256-{digest}'", "")
        self.policy = (
            f"default-src 'none'; script-src {source}; style-src {style}'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'"
        )
        self.labels = _labels(schema)


def render(template: str, **values: Any) -> str:
    """The template filled in."""
    return _environment().get_template(template).render(values)


def embedded(value: Any) -> Markup:
    """The value as JSON that stands in a script element and cannot end it."""
    text = json.dumps(_visible(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_JSON))  # escaped just now


def packed(value: Any) -> Markup:
    """The value as compressed JSON in Base64, for what a reader may never open: far smaller, and as harmless."""
    text = json.dumps(_visible(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii"))


def style_sheet(schema: LabelSchema) -> str:
    """The style sheet of all pages, with a class for each device."""
    rules = [
        f'.{style.name}{{--line:{style.line};--hue:var(--{style.hue});--sign:"\\{ord(style.sign):x}"}}'
        f".off-{style.name} mark.{style.name}{{--hue:transparent;--shown:none}}"
        for style in device_styles(schema).values()
        if style.sign
    ]
    return _file("report.css") + "\n".join(rules) + "\n"


@cache
def script() -> str:
    """The script of all pages."""
    return _file("report.js")


def _labels(schema: LabelSchema) -> dict[str, Any]:
    return {
        "devices": [
            {**asdict(style.label), "name": style.name, "sign": style.sign} for style in device_styles(schema).values()
        ],
        "stances": [asdict(label) for label in schema.stances],
    }


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("templates").joinpath(name).read_text(encoding="utf-8")


def environment(package: str, **names: Any) -> Environment:
    """The templates of a package, with names that they know: each value is written out, then escaped."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals.update(names)
    return made


@cache
def _environment() -> Environment:
    made = environment(
        "stance.report", embedded=embedded, packed=packed, domains=domains(), marked=marked, blocks=blocks
    )
    made.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}%"
    return made


def _shown(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: _visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_visible(item) for item in value]
    return value
