"""A summary as a paragraph of Chinese. Every number in it stands in the summary's JSON too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.summary.domains import domains
from stance.summary.page import percent
from stance.summary.phrases import (
    TARGETS,
    course,
    examples,
    extremes,
    key_sentence,
    leading_devices,
    leading_side,
    manner,
    metaphors,
    quoted,
    sides,
)
from stance.summary.quoting import book_title, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stance.schema import LabelSchema
    from stance.summary.article import ArticleSummary, TargetSummary

__all__ = ["article", "corpus"]

_SIDES = {"favor": "支持", "against": "反对"}
_MANNERS = {
    "silent": "对{target}始终没有表态。",
    "split": "对{target}褒贬相当：",
    "mostly": "作者对{target}持{side}态度：",
    "leaning": "作者对{target}倾向{side}：",
    "rarely": "作者对{target}大多不表态，间或{side}：",
}
_THIRDS = ("开头", "中段", "结尾")


def article(summary: ArticleSummary) -> str:
    """Length, stances, devices and metaphors of an article, and its key sentence."""
    if not summary.tally.extent.paragraphs:
        return "没有可供分析的段落。"
    sentences = [_opening(summary), *map(_target, summary.targets[:TARGETS])]
    if len(summary.targets) > TARGETS:
        sentences.append("其余评价对象见表。")
    sentences += [_devices(summary), _crossings(summary), _metaphors(summary), _key_sentence(summary)]
    return "".join(sentences)


def _opening(summary: ArticleSummary) -> str:
    extent = summary.tally.extent
    subject = book_title(summary.title) if summary.title.strip() else "全文"
    missing = "" if summary.targets else "没有给定或找到评价对象。"
    return f"{subject}共{extent.paragraphs}段、{extent.characters}字。{missing}"


def _target(target: TargetSummary) -> str:
    counts, name = target.counts, printable(target.target)
    lead, other = sides(counts.drift if counts.drift != "neutral" else "favor")
    opening = _MANNERS[manner(counts)].format(target=name, side=_SIDES[lead])
    if manner(counts) == "silent":
        return opening
    if counts.of(lead) == counts.paragraphs:
        return f"{opening}{counts.paragraphs}段{'全部' if counts.paragraphs > 1 else ''}{_SIDES[lead]}。"
    parts = [f"{_SIDES[side]}{counts.of(side)}段" for side in (lead, other) if counts.of(side)]
    sentence = f"{opening}{counts.paragraphs}段中{'、'.join(parts)}"
    if counts.neutral:
        sentence += f"，其余{counts.neutral}段中立或未提及"
    return f"{sentence}。{_course(target)}"


def _course(target: TargetSummary) -> str:
    how, third = course(target)
    if how == "turn":
        first, last = (_SIDES[target.thirds[i].drift] for i in (0, 2))
        return f"从前到后，态度由{first}转向{last}。"
    side = _SIDES.get(target.counts.drift, "")
    if how == "gathered":
        return f"{side}多集中在{_THIRDS[third]}三分之一（{target.thirds[third].of(target.counts.drift)}段）。"
    return f"{side}贯穿全文。" if how == "throughout" else ""


def _devices(summary: ArticleSummary) -> str:
    if not summary.devices:
        return "文中没有发现修辞手法。"
    sentence = f"全文用修辞手法{summary.tally.extent.spans}处，每千字{summary.density}处"
    if summary.percentile:
        sentence += f"，密度高于语料中{summary.percentile}%的文章"
    first = [
        f"{found.device.chinese}（{found.spans}处{_such_as(quoted(found.typical))}）" for found in summary.devices[:3]
    ]
    verb = "全是" if len(summary.devices) == 1 else "最常见的是" if len(summary.devices) > 3 else "有"
    return f"{sentence}，{verb}{_enumerate(first)}。"


def _crossings(summary: ArticleSummary) -> str:
    sentences = []
    for target in summary.targets[:TARGETS]:
        devices = leading_devices(target)
        if devices:
            counts = target.counts
            names = "、".join(f"{number}段用了{summary.schema.device(device).chinese}" for device, number in devices)
            side = f"{_SIDES[counts.drift]}{printable(target.target)}的{counts.of(counts.drift)}段里"
            sentences.append(f"{side}，{names}。")
    return "".join(sentences)


def _metaphors(summary: ArticleSummary) -> str:
    known = metaphors(summary)
    if not known:
        return ""
    parts = [f"{found.domain.chinese}（{found.spans}处{_such_as(examples(found))}）" for found in known[:3]]
    more = "等" if len(summary.metaphors) > len(parts) else ""
    return f"隐喻取自{_enumerate(parts) if not more else '、'.join(parts)}{more}。"


def _key_sentence(summary: ArticleSummary) -> str:
    found = key_sentence(summary)
    if found is None:
        return ""
    text, has_end = found
    end = "" if has_end else "。"
    return f"修辞与立场最集中的一句是：“{text}”{end}"


def _such_as(examples: Sequence[str]) -> str:
    return "，如" + "".join(f"“{example}”" for example in examples) if examples else ""


def _enumerate(parts: Sequence[str]) -> str:
    return "和".join(filter(None, ("、".join(parts[:-1]), parts[-1])))


def corpus(figures: Mapping[str, Any], schema: LabelSchema) -> str:
    """Size, devices, stances, metaphors and groups of a corpus, from the figures of `CorpusSummary.to_dict`."""
    if not figures["paragraphs"]:
        return "没有可供分析的文章。"
    return "".join(
        [
            _size(figures),
            _common_devices(figures, schema),
            *_common_targets(figures),
            _domains(figures),
            *_groups(figures),
        ]
    )


def _size(figures: Mapping[str, Any]) -> str:
    copies = figures["copies_left_out"]
    left_out = f"（另有{copies}篇转载未计入）" if copies else ""
    return f"语料共{figures['articles']}篇{left_out}、{figures['paragraphs']}段、{figures['characters']}字。"


def _common_devices(figures: Mapping[str, Any], schema: LabelSchema) -> str:
    found = [device for device in figures["devices"] if device["spans"]]
    if not found:
        return "没有发现修辞手法。"
    names = [f"{schema.device(d['device']).chinese}（见于{percent(d['share'])}的段落）" for d in found[:3]]
    interval = ""
    if figures["per_1000_characters_low"] is not None:
        low, high = figures["per_1000_characters_low"], figures["per_1000_characters_high"]
        interval = f"（{100 * figures['confidence']:.0f}%置信区间{low}至{high}）"
    return f"平均每千字用修辞手法{figures['per_1000_characters']}处{interval}，处数最多的是{_enumerate(names)}。"


def _common_targets(figures: Mapping[str, Any]) -> list[str]:
    targets = figures["targets"][:TARGETS]
    if not targets:
        return []
    names = [f"{printable(target['target'])}（{target['articles']}篇）" for target in targets]
    return [f"评价最多的对象是{_enumerate(names)}。", *map(_shares, targets)]


def _shares(target: Mapping[str, Any]) -> str:
    by_stance = {stance["stance"]: stance for stance in target["stances"]}
    lead = leading_side(target)
    both = sides(lead)
    shown = "、".join(
        f"{percent(by_stance[side]['share'])}的段落{_SIDES[side]}"
        if by_stance[side]["paragraphs"]
        else f"没有段落{_SIDES[side]}"
        for side in both
    )
    sentence = f"对{printable(target['target'])}，{shown}"
    if "corrected" in by_stance[lead]:
        corrected = "、".join(f"{_SIDES[side]}为{percent(by_stance[side]['corrected'])}" for side in both)
        sentence += f"；按模型的已知误差校正后，{corrected}"
    return f"{sentence}。"


def _domains(figures: Mapping[str, Any]) -> str:
    known = [found for found in figures["metaphors"] if found["domain"] != "other"][:3]
    names = [f"{domains()[found['domain']].chinese}（{percent(found['share'])}）" for found in known]
    return f"隐喻最多取自{_enumerate(names)}。" if names else ""


def _groups(figures: Mapping[str, Any]) -> list[str]:
    sentences = []
    for target in figures["targets"][:1]:
        name, lead = printable(target["target"]), leading_side(target)
        for group in figures["groups"]:
            found = extremes(group["values"], target["target"], lead)
            if found:
                (most, high), (least, low) = found
                sentences.append(
                    f"按{printable(group['by'])}看，{_SIDES[lead]}{name}的段落占比以“{printable(most)}”最高"
                    f"（{percent(high)}），以“{printable(least)}”最低（{percent(low)}）。"
                )
    return sentences
