"""Charts as SVG, drawn by Vega-Lite before the page is written; they take their colours from the page.

Words on a chart that hang on the language stand round it on the page, so that one drawing serves both languages.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from stance.errors import RunError
from stance.summary.quoting import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stance.report.series import StanceShares
    from stance.schema import LabelSchema

__all__ = ["check_charts", "device_profile", "stance_by_group", "stance_over_time"]

_WIDTH, _MARGIN = 270, 140
"""Pixels of the plot, and of the names left of it; a page scales both."""
_STEP = 24
_NAME_COLUMNS = 16
"""Columns of a name, in which a Chinese character takes two."""
_SIGNED = {"favor": 1, "against": -1}
_FILL = {"favor": "var(--favor)", "against": "url(#hatch)"}
_LINE = {"favor": "var(--favor)", "against": "var(--against)"}


def check_charts() -> None:
    """See to it that charts can be drawn. Raises RunError where the libraries are missing."""
    try:
        import altair as alt  # noqa: F401, PLC0415
        import vl_convert  # noqa: F401, PLC0415
    except ImportError as error:
        raise RunError(
            f"The report of a corpus needs altair and vl-convert-python; found no {error.name}. "
            "Install them with `pip install 'stance[report]'`."
        ) from error


def stance_by_group(shares: Sequence[StanceShares]) -> Markup:
    """Share of paragraphs in favor (to the right) and against (to the left) in each group, with intervals."""
    import altair as alt  # noqa: PLC0415

    rows = [
        {
            "group": f"{_short(group.group) or '–'} ({group.articles})",
            "stance": stance,
            "share": sign * (found.value or 0.0),
            "low": None if found.low is None else sign * found.low,
            "high": None if found.high is None else sign * found.high,
        }
        for group in shares
        for stance, sign in _SIGNED.items()
        for found in [group.favor if stance == "favor" else group.against]
    ]
    reach = max(
        [0.05, *(found.high or found.value or 0.0 for group in shares for found in (group.favor, group.against))]
    )
    axis = alt.Axis(labelExpr="format(abs(datum.value), '.0%')", tickCount=6, title=None)
    base = _chart(rows).encode(
        y=alt.Y("group:N", sort=None, title=None, axis=alt.Axis(minExtent=_MARGIN, maxExtent=_MARGIN, ticks=False))
    )
    bars = base.mark_bar(height=11).encode(
        x=alt.X("share:Q", axis=axis, scale=alt.Scale(domain=[-reach, reach])), color=_colours(alt, _FILL)
    )
    rules = base.mark_rule(stroke="currentColor").encode(x="low:Q", x2="high:Q")
    return _svg((bars + rules).properties(width=_WIDTH, height=alt.Step(_STEP)))


def stance_over_time(shares: Sequence[StanceShares]) -> Markup:
    """Share of paragraphs in favor (triangles up, whole line) and against (triangles down, dashed) over time."""
    import altair as alt  # noqa: PLC0415

    rows = [
        {"period": group.group, "stance": stance, "share": found.value, "low": found.low, "high": found.high}
        for group in sorted(shares, key=lambda share: share.group)
        for stance, found in (("favor", group.favor), ("against", group.against))
    ]
    base = _chart(rows).encode(
        x=alt.X("period:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap="parity")),
        color=_colours(alt, _LINE),
    )
    scale = alt.Scale(domainMin=0)
    height = alt.Y("share:Q", axis=alt.Axis(format=".0%", tickCount=5, title=None), scale=scale)
    domain = list(_SIGNED)
    dash = alt.StrokeDash("stance:N", scale=alt.Scale(domain=domain, range=[[1, 0], [5, 3]]), legend=None)
    shape = alt.Shape("stance:N", scale=alt.Scale(domain=domain, range=["triangle-up", "triangle-down"]), legend=None)
    rules = base.mark_rule(opacity=0.45).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    lines = base.mark_line(strokeWidth=1.6).encode(y=height, strokeDash=dash)
    points = base.mark_point(filled=True, size=46).encode(y=height, shape=shape)
    return _svg((rules + lines + points).properties(width=_WIDTH + _MARGIN - 45, height=190))


def device_profile(devices: Iterable[Mapping[str, Any]], schema: LabelSchema, language: str) -> Markup:
    """Share of paragraphs with each device, with intervals; the figures are those of a summary of a corpus."""
    import altair as alt  # noqa: PLC0415

    names = {label.id: label.chinese if language == "zh" else label.english for label in schema.devices}
    rows = [
        {"device": names[found["device"]], **{key: found[key] for key in ("share", "share_low", "share_high")}}
        for found in devices
    ]
    base = _chart(rows).encode(
        y=alt.Y("device:N", sort=None, title=None, axis=alt.Axis(minExtent=_MARGIN, maxExtent=_MARGIN, ticks=False))
    )
    axis = alt.Axis(format=".0%", tickCount=6, title=None)
    bars = base.mark_bar(height=11, color="var(--accent)").encode(x=alt.X("share:Q", axis=axis))
    rules = base.mark_rule(stroke="currentColor").encode(x="share_low:Q", x2="share_high:Q")
    return _svg((bars + rules).properties(width=_WIDTH, height=alt.Step(_STEP)))


def _chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415

    return alt.Chart({"values": rows})


def _colours(alt: Any, colours: Mapping[str, str]) -> Any:
    return alt.Color("stance:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None)


def _svg(chart: Any) -> Markup:
    import vl_convert  # noqa: PLC0415

    styled = (
        chart.configure(background="transparent", font="inherit", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="currentColor",
            labelFontSize=12,
            labelLimit=0,
            domain=False,
            gridColor="var(--rule)",
            tickColor="var(--rule)",
        )
    )
    return Markup(vl_convert.vegalite_to_svg(styled.to_dict(validate=False)))  # Vega escapes texts; tested


def _short(name: str) -> str:
    """The name cut to what has room beside a chart; the table under it has it whole."""
    shown, columns = "", 0
    for character in printable(name):
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns > _NAME_COLUMNS:
            return shown + "…"
        shown += character
    return shown
