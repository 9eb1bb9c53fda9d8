"""What a run did, as a paragraph for the methods section of a paper, in Chinese and in English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stance.schema import LabelSchema

__all__ = ["methods"]


def methods(record: Mapping[str, Any], schema: LabelSchema) -> dict[str, str]:
    """The paragraph by language, `zh` and `en`; it says nothing that the record and the schema do not."""
    return {"zh": _chinese(record, schema), "en": _english(record, schema)}


def _chinese(record: Mapping[str, Any], schema: LabelSchema) -> str:
    settings = record["settings"]
    stances = "、".join(label.chinese for label in schema.stances)
    devices = "、".join(label.chinese for label in schema.devices)
    targets = f"立场对象统一指定为{'、'.join(settings['targets'])}。" if settings["targets"] else _OWN_TARGETS_ZH
    sentences = [
        f"本研究用 stance {settings['stance']}（模型 {settings['model']}，标签体系 {settings['schema']}）"
        f"自动标注了 {record['articles']:,} 篇文章、共 {record['paragraphs']:,} 个段落。",
        f"对每个段落，程序判断作者对各对象的立场（{stances}，附概率），"
        f"并识别 {len(schema.devices)} 种修辞手法（{devices}）及其在原文中的起止位置。",
        targets,
    ]
    if record["rejected"]:
        sentences.append(f"另有 {record['rejected']:,} 行输入因无法读取或不含正文而未纳入，原因逐行存档。")
    if record["near_duplicates"]:
        copies = record["near_duplicates"]
        sentences.append(
            f"以 MinHash 比较正文的五字片段（Jaccard 相似度估计值不低于 {settings['near_duplicates']:g}），"
            f"{copies['articles']:,} 篇（{copies['paragraphs']:,} 个段落）与更早的文章近似重复，已作标记，"
            "可据此给出含重复与不含重复的两组统计。"
        )
    sentences.append(
        f"计算环境：{'；'.join(record['hardware'])}；{_software(record)}。标注用时 {record['seconds']:,.0f} 秒，"
        f"完成于 {record['finished'][:10]}。"
    )
    sentences.append("以上标签由模型自动给出，未经人工复核；模型的准确度见其模型说明。")
    return "".join(sentences)


_OWN_TARGETS_ZH = "立场对象取自各篇文章自带的对象列表；没有列表的，由程序从该文中提取。"


def _english(record: Mapping[str, Any], schema: LabelSchema) -> str:
    settings = record["settings"]
    stances = ", ".join(label.english for label in schema.stances)
    devices = ", ".join(label.english for label in schema.devices)
    targets = (
        f"The targets of stance were set to {', '.join(settings['targets'])} for all articles."
        if settings["targets"]
        else "The targets of stance were those given with each article or else found in its text by the program."
    )
    sentences = [
        f"We labelled {record['articles']:,} articles ({record['paragraphs']:,} paragraphs) automatically with stance "
        f"{settings['stance']} (model {settings['model']}, label schema {settings['schema']}).",
        f"For each paragraph the program gives the author's stance towards each target ({stances}) with "
        f"probabilities, and marks {len(schema.devices)} rhetorical devices ({devices}) with their exact spans.",
        targets,
    ]
    if record["rejected"]:
        sentences.append(
            f"A further {record['rejected']:,} input rows could not be read or held no article; each is on file "
            "with the reason."
        )
    if record["near_duplicates"]:
        copies = record["near_duplicates"]
        sentences.append(
            f"{copies['articles']:,} articles ({copies['paragraphs']:,} paragraphs) were near-duplicates of an "
            "earlier one (MinHash over five-character pieces, estimated Jaccard similarity of at least "
            f"{settings['near_duplicates']:g}); they are marked, so that counts can be given with and without them."
        )
    sentences.append(
        f"Computed on {'; '.join(record['hardware'])}; {_software(record)}; {record['seconds']:,.0f} s of labelling, "
        f"finished on {record['finished'][:10]}."
    )
    sentences.append("The labels were made by a model and not checked by people; its model card gives its accuracy.")
    return " ".join(sentences)


def _software(record: Mapping[str, Any]) -> str:
    names = {"python": "Python", "torch": "torch", "transformers": "transformers"}
    return ", ".join(f"{name} {record['versions'][key]}" for key, name in names.items() if key in record["versions"])
