"""The labels: stances and rhetorical devices, with their names, definitions and an example each.

The one place where label names stand. A schema is saved with each model and compared on load; the
documentation, the report and the command line all print from here. `DEFAULT_SCHEMA` follows the
annotation guidelines of the project.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stance.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ABSENT", "DEFAULT_SCHEMA", "Label", "LabelSchema", "as_markdown"]

ABSENT = "absent"
"""Fourth class inside the model: the paragraph does not speak of the target. Shown to users as neutral."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label: `id` in files, `chinese` and `english` for people, `definition` and `example` in Chinese.

    In the example the span stands between 【 and 】.
    """

    id: str
    chinese: str
    english: str
    definition: str
    example: str


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The stances (in a fixed order: favor, against, neutral) and the devices that a model tells apart."""

    stances: tuple[Label, ...]
    devices: tuple[Label, ...]

    def __post_init__(self) -> None:
        for kind, labels in (("stance", self.stances), ("device", self.devices)):
            ids = [label.id for label in labels]
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if not ids or twice or not all(ids):
                raise SchemaError(f"A schema needs at least one {kind}, each with an id of its own; found {ids}.")

    @property
    def stance_ids(self) -> tuple[str, ...]:
        """The stance ids in their order."""
        return tuple(label.id for label in self.stances)

    @property
    def device_ids(self) -> tuple[str, ...]:
        """The device ids in their order."""
        return tuple(label.id for label in self.devices)

    def stance(self, id: str) -> Label:
        """The stance with this id. Raises SchemaError where there is none."""
        return _find(self.stances, id, "stance")

    def device(self, id: str) -> Label:
        """The device with this id. Raises SchemaError where there is none."""
        return _find(self.devices, id, "device")

    @property
    def digest(self) -> str:
        """Short hexadecimal digest of the ids in their order: equal digests mean that labels mean the same."""
        ids = json.dumps([self.stance_ids, self.device_ids])
        return hashlib.sha256(ids.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and strings, as saved in `schema.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "schema") -> LabelSchema:
        """The schema saved by `to_dict`. Raises SchemaError, naming `where`, for anything else."""
        try:
            return cls(
                stances=tuple(_label(fields) for fields in data["stances"]),
                devices=tuple(_label(fields) for fields in data["devices"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            fields = "id, chinese, english, definition, example"
            raise SchemaError(
                f"{where}: expected lists 'stances' and 'devices' of labels with {fields}; found a fault at {error}."
            ) from error

    def save(self, path: Path) -> None:
        """Write the schema: `.yaml` with comments for people, anything else as JSON."""
        if path.suffix.lower() in _YAML:
            path.write_text(_commented(self), encoding="utf-8")
        else:
            path.write_text(json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> LabelSchema:
        """Read a schema from JSON or YAML. Raises SchemaError where the file is not one."""
        try:
            text = path.read_text(encoding="utf-8")
            data = _parse_yaml(text) if path.suffix.lower() in _YAML else json.loads(text)
        except (OSError, ValueError) as error:
            kind = "YAML" if path.suffix.lower() in _YAML else "JSON"
            raise SchemaError(f"{path}: expected a label schema in {kind}; {error}.") from error
        return cls.from_dict(data, where=str(path))


def _label(fields: Mapping[str, Any]) -> Label:
    for name, value in fields.items():
        if not isinstance(value, str):  # in YAML, no and 1 are no texts
            raise TypeError(f"{name} must be text, found {value!r}; put it in quotes")
    return Label(**fields)


def _find(labels: tuple[Label, ...], id: str, kind: str) -> Label:
    for label in labels:
        if label.id == id:
            return label
    known = ", ".join(label.id for label in labels)
    raise SchemaError(f"Unknown {kind} {id!r}: this schema knows {known}.")


def _parse_yaml(text: str) -> Any:
    """The value in a YAML text, of plain types only. Raises ValueError."""
    import yaml  # noqa: PLC0415 - a tenth of a second, for a file that few have

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _commented(schema: LabelSchema) -> str:
    """The schema in YAML, with comments that say how to change it."""
    lines = [_HEAD, "stances:"]
    for kind, labels in (("", schema.stances), (_DEVICES, schema.devices)):
        lines += [kind] * bool(kind)
        for label in labels:
            fields = asdict(label).items()
            first, *rest = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields)
            lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return "\n".join(lines) + "\n"


def as_markdown(schema: LabelSchema) -> str:
    """The labels with their definitions and examples, as two tables."""
    parts = []
    for title, labels in (("Stances 立场", schema.stances), ("Devices 修辞", schema.devices)):
        rows = (
            f"| `{label.id}` | {label.chinese} {label.english} | {label.definition} | {label.example} |"
            for label in labels
        )
        parts.append("\n".join([f"## {title}", "", "| id | 名称 | 定义 | 例 |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts)


_YAML = (".yaml", ".yml")

_HEAD = """\
# A label scheme of stance. Change it, then train on your own labelled articles:
#
#     stance train --schema THIS-FILE --data labelled.jsonl --encoder FOLDER --output my-model
#
# The fields of a label:
#   id          in files: small Latin letters, digits and _; never change it once there are labels
#   chinese     the name that people read
#   english     the same in English
#   definition  one sentence: what counts, and what does not
#   example     a sentence with the words that bear the label between 【 and 】

# Stances: leave the three ids and their order as they are; names and definitions may be changed."""

_DEVICES = """
# Devices: add your own, leave out what you do not label. Each may have any number of spans in a paragraph,
# and spans of different devices may overlap.
devices:"""


DEFAULT_SCHEMA = LabelSchema(
    stances=(
        Label(
            "favor",
            "支持",
            "favor",
            "支持、赞扬、维护目标，或盼其成功；也包括专挑对其有利的事实。",
            "中方的应对有理有节。",
        ),
        Label(
            "against",
            "反对",
            "against",
            "批评、嘲讽、警告、指责目标；也包括专挑对其不利的事实。",
            "美方此举损人不利己。",
        ),
        Label(
            "neutral",
            "中立",
            "neutral",
            "谈及目标而不站队，或两面相当；未谈及目标的段落也归此类。",
            "双方将于下周举行会谈。",
        ),
    ),
    devices=(
        Label(
            "simile", "明喻", "simile", "用“像、如、仿佛、好比”等喻词把不同类的事物相比。", "供应链【像一根绷紧的弦】"
        ),
        Label(
            "metaphor",
            "隐喻",
            "metaphor",
            "不用喻词，以另一领域的形象说本题，且形象仍鲜活。",
            "这笔贷款成了【压在小镇头上的石磨】",
        ),
        Label(
            "personification",
            "比拟",
            "personification",
            "把物当人（或动物）写，或把人当物写。",
            "【整条产业链都打起了喷嚏】",
        ),
        Label("metonymy", "借代", "metonymy", "以部分、地点、特征代整体。", "【白宫】迟迟不表态"),
        Label("hyperbole", "夸张", "hyperbole", "为求效果，说得超过字面真实。", "账单【堆得比山还高】"),
        Label("parallelism", "排比", "parallelism", "三个以上结构相同的短语或分句连用。", "【靠借债、靠印钞、靠转嫁】"),
        Label(
            "antithesis", "对偶", "antithesis", "两个分句结构相近或意思相对，两相映衬。", "【台上讲廉洁，台下收红包】"
        ),
        Label("repetition", "反复", "repetition", "有意重复词句，包括顶真。", "【等等，再等等，还要等等】"),
        Label(
            "rhetorical_question", "反问", "rhetorical question", "以问句作断言，并不求答。", "【这难道不是双重标准吗】"
        ),
        Label("hypophora", "设问", "hypophora", "作者自问自答。", "【问题出在哪里】？出在账本上。"),
        Label("irony", "反语", "irony", "说反话，或明褒实贬。", "真是【“伟大”的胜利】"),
        Label("quotation", "引用", "quotation", "引谚语、诗句、格言、典故以增说服力。", "古人云“【多行不义必自毙】”"),
        Label("scare_quotes", "引号存疑", "scare quotes", "以引号表示距离、怀疑或嘲讽。", "所谓【“自愿”】加班"),
        Label(
            "loaded_language",
            "情绪化措辞",
            "loaded language",
            "带强烈褒贬或情绪的词语、贴标签、口号。",
            "这是赤裸裸的【霸凌行径】",
        ),
    ),
)
"""Three stances and fourteen devices."""
