"""What stands on given words of an analysed page."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from inspect_page import devices_on

from stance.results import ArticleAnalysis, DevicePrediction, Paragraph, ParagraphAnalysis, Span

TEXT = "关税是绑在自己身上的炸药"


def page(*spans):
    found = tuple(DevicePrediction(d, 0.875, (Span(a, b, TEXT[a:b], 0.5),)) for d, a, b in spans)
    return ArticleAnalysis("p", "", (), "m@0", (ParagraphAnalysis(Paragraph(0, 0, len(TEXT), TEXT), (), found),))


def test_devices_on_words():
    analysis = page(("metaphor", 3, 12), ("irony", 0, 4), ("simile", 0, 3))
    assert list(devices_on("绑在自己身上的炸药", analysis)) == [
        "paragraph 0, metaphor 0.88, exact",
        "paragraph 0, irony 0.88, span 关税是绑",
    ]


def test_words_without_a_device_and_words_that_are_not_there():
    assert list(devices_on("炸药", page(("irony", 0, 4)))) == ["paragraph 0, no device"]
    assert list(devices_on("堵车", page())) == ["not in the page"]
