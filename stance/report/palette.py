"""How devices look on a page: a sign behind each span, a kind of line under it, and a colour.

Sign and line alone tell the devices apart, so that nobody needs to see the colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stance.schema import Label, LabelSchema

__all__ = ["DeviceStyle", "device_styles"]


@dataclass(frozen=True, slots=True)
class DeviceStyle:
    """The looks of one device.

    Attributes:
        name: of the style class: `d0`, `d1` … in the order of the schema.
        label: the device.
        sign: one Chinese character.
        line: kind of underline, as style sheets name it.
        hue: family of colour, a property of the style sheet: devices of kindred effect share one.
    """

    name: str
    label: Label
    sign: str
    line: str
    hue: str


_LOOKS = {
    "simile": ("像", "dashed", "image"),
    "metaphor": ("喻", "solid", "image"),
    "personification": ("拟", "double", "image"),
    "metonymy": ("代", "dotted", "image"),
    "hyperbole": ("夸", "double", "force"),
    "loaded_language": ("情", "solid", "force"),
    "parallelism": ("排", "solid", "form"),
    "antithesis": ("偶", "double", "form"),
    "repetition": ("复", "dotted", "form"),
    "rhetorical_question": ("问", "wavy", "question"),
    "hypophora": ("答", "dashed", "question"),
    "irony": ("讽", "wavy", "voice"),
    "quotation": ("引", "dashed", "voice"),
    "scare_quotes": ("疑", "dotted", "voice"),
}


def device_styles(schema: LabelSchema) -> dict[str, DeviceStyle]:
    """The style of each device of a schema, by id; one that is not known here is signed by its first character."""
    return {
        label.id: DeviceStyle(f"d{number}", label, *_LOOKS.get(label.id, (label.chinese[:1], "solid", "other")))
        for number, label in enumerate(schema.devices)
    }
