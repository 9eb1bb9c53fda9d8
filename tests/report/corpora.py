"""Labelled corpora written by hand, for reports: small enough to count, large enough to fill two pages."""

from __future__ import annotations

import base64
import json
import sys
import zlib
from pathlib import Path

from stance.formats import write

sys.path.append(str(Path(__file__).parents[1] / "summary"))
from analyses import article, paragraph

SOURCES = ("晨报", "晚报", "周刊")


def commentary():
    """One article with everything: nested and crossing spans, two targets, a heading."""
    return article(
        [
            paragraph("小镇的账本", "00", kind="title"),
            paragraph("这笔贷款成了‹metaphor@0.81:压在小镇头上的石磨›。", "-0"),
            paragraph("一、谁来还", "00", kind="heading"),
            paragraph("‹hyperbole:账单堆得比山还高›，‹irony:真是好买卖›。", "-0"),
            paragraph("邻镇伸手相助，‹simile:像一盏灯›。", "0+"),
        ],
        id="town",
        title="小镇的账本",
        targets=("银行", "邻镇"),
        extra={"source": "晨报", "date": "2024-03-05"},
        warnings=("A paragraph was cut.",),
    )


def numbered(number):
    """An article of a corpus: the source turns with the number, every third bears a metaphor, every fourth a question."""
    text = f"第{number}号仓库的‹metaphor:闸门›打开了。" if number % 3 == 0 else f"第{number}号仓库照常营业。"
    question = "‹rhetorical_question:难道还要等吗›？" if number % 4 == 0 else "一切如旧。"
    return article(
        [paragraph(text, "-" if number % 2 else "+"), paragraph(question, "0")],
        id=f"n{number}",
        title=f"仓库记事之{number}",
        targets=("仓库",),
        extra={"source": SOURCES[number % 3], "date": f"{2020 + number % 4}-0{1 + number % 9}-11"},
    )


def corpus(count=40):
    """The commentary, and so many numbered articles behind it."""
    return [commentary(), *(numbered(number) for number in range(1, count + 1))]


def unpacked(script):
    """What the script of a page reads from a packed element."""
    return json.loads(zlib.decompress(base64.b64decode(script.text)))


def labels(path, analyses):
    """Write the articles as `stance label` does, and give the path back."""
    write(analyses, path)
    return path
