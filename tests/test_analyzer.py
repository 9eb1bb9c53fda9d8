from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stance import Analyzer, Article, EngineConfig, InputError, ModelError
from stance import analyzer as module
from stance.engine import POOL
from stance.model import checkpoint
from stance.model.calibration import Calibration

TEXT = "  美方加税，是天大的笑话。\n\n中國\u200b的石磨很好，\u3000財政也好😀。\n美国的税，谁来付钱？ "
PARAGRAPHS = ("美方加税。", "", " \t", "中國\u200b的石磨，很好。", "天大的笑话，" * 20)


@pytest.fixture(scope="module")
def analyzer(make_model):
    """Low thresholds, so that there are spans to look at."""
    model = make_model()
    devices = len(model.schema.devices)
    low = replace(Calibration.identity(devices), device_thresholds=(0.05,) * devices, side_threshold=0.45)
    model.calibration = low
    return Analyzer(model, EngineConfig(hardware="cpu"))


def labels(analysis):
    """All that is said of each paragraph, probabilities apart."""
    return [(p.text, [(d.device, [(s.start, s.end) for s in d.spans]) for d in p.devices]) for p in analysis.paragraphs]


def chances(analysis, target):
    return [
        p for one in analysis.paragraphs for s in one.stances if s.target == target for p in s.probabilities.values()
    ]


def test_offsets_are_exact(analyzer):
    analysis = analyzer.analyze(Article.from_text(TEXT, id="7"), ["美国"])
    spans = 0
    for p in analysis.paragraphs:
        assert TEXT[p.paragraph.start : p.paragraph.end] == p.text
        for device in p.devices:
            assert device.spans
            for span in device.spans:
                assert p.text[span.start : span.end] == span.text != ""
                spans += 1
    assert spans > 0
    assert "".join(p.text for p in analysis.paragraphs).replace(" ", "") == TEXT.replace("\n", "").replace(" ", "")


ANY_TEXT = st.text(alphabet="中國美石磨，。！“”ab１ \u3000\u200b\ufeff\r\n\t😀é", max_size=80)


def check_offsets(analysis, text):
    for p in analysis.paragraphs:
        assert text[p.paragraph.start : p.paragraph.end] == p.text
        for span in (span for device in p.devices for span in device.spans):
            assert p.text[span.start : span.end] == span.text
    assert [p.index for p in analysis.paragraphs] == list(range(len(analysis.paragraphs)))


@settings(max_examples=40, deadline=None)
@given(text=ANY_TEXT, title=ANY_TEXT)
def test_offsets_are_exact_in_any_text(analyzer, text, title):
    (analysis,) = analyzer.analyze_many([Article.from_text(text, title=title)], ["美国"])
    check_offsets(analysis, text)


@settings(max_examples=40, deadline=None)
@given(paragraphs=st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_offsets_are_exact_in_any_paragraphs(analyzer, paragraphs):
    analysis = analyzer.analyze(Article.from_paragraphs(paragraphs), ["美国"])
    assert [p.text for p in analysis.paragraphs] == paragraphs
    check_offsets(analysis, "\n".join(paragraphs))


def test_a_span_takes_in_what_cleaning_left_out_within_it(make_model):
    """Every device is reported, and has one span, from the first character that is left to the last."""
    model = make_model()
    model.calibration = replace(Calibration.identity(3), device_thresholds=(0.0,) * 3)
    with torch.no_grad():
        model.network.spans.token.bias[3:6] += 50  # of begin, stay and end, three each: spans go on and on
    found = Analyzer(model, EngineConfig(hardware="cpu")).analyze(
        Article.from_paragraphs(["\u200b中\u200b國　的石磨 "]), ["美国"]
    )
    spans = [(device.device, span.start, span.end) for device in found.paragraphs[0].devices for span in device.spans]
    assert spans == [("simile", 1, 8), ("metaphor", 1, 8), ("irony", 1, 8)]


def test_further_columns_pass_through(analyzer):
    extra = {"date": "2024-05-01", "model": "theirs", "nested": [{"a": None}]}
    analysis = analyzer.analyze(Article(TEXT, id="x", extra=extra), ["美国"])
    assert analysis.extra == extra
    record = analysis.to_dict()
    assert (record["date"], record["nested"]) == ("2024-05-01", [{"a": None}])
    assert record["model"] == "tiny-bert@unsaved"


def test_articles_stream_in_their_order(analyzer):
    pulled = []

    def source():
        for n in range(8 * POOL):
            pulled.append(n)
            yield Article.from_paragraphs(["好" * (n % 7 + 1)] * (n % 3), id=str(n))

    analyses = analyzer.analyze_many(source(), ["美国"])
    assert pulled == []
    for n, analysis in enumerate(analyses):
        assert analysis.id == str(n)
        assert [p.text for p in analysis.paragraphs] == ["好" * (n % 7 + 1)] * (n % 3)
        assert len(pulled) - n <= 5 * POOL


def test_a_saved_model_gives_the_same_labels(make_model, tmp_path):
    model = make_model()
    model.network.half().float()
    checkpoint.save(model, tmp_path)
    article = Article.from_paragraphs(PARAGRAPHS, title="石磨")
    before = Analyzer(model, EngineConfig(hardware="cpu")).analyze(article, ["美国"])
    for folder in (tmp_path, str(tmp_path)):
        analyzer = Analyzer.load(folder, engine=EngineConfig(hardware="cpu"))
        assert analyzer.analyze(article, ["美国"]) == before
        assert analyzer.model_id == f"tiny-bert@{model.digest}" == before.model
        assert analyzer.schema == model.schema


@pytest.mark.parametrize("target", ["《》", "“”", "\u200b", "[CLS]", "(", "a.*", "😀", "中" * 500, "\\"])
def test_odd_targets_are_judged_like_others(analyzer, target):
    analysis = analyzer.analyze(Article.from_paragraphs(PARAGRAPHS), [target, "美国"])
    assert analysis.targets == (target, "美国")
    assert all([s.target for s in p.stances] == [target, "美国"] for p in analysis.paragraphs)
    alone = analyzer.analyze(Article.from_paragraphs(PARAGRAPHS), ["美国"])
    assert chances(analysis, "美国") == pytest.approx(chances(alone, "美国"), abs=2e-4)


def test_given_paragraphs_come_out_one_for_one(analyzer):
    analysis = analyzer.analyze(Article.from_paragraphs(PARAGRAPHS, title="石磨", extra={"date": "2020"}), ["美国"])
    assert [p.text for p in analysis.paragraphs] == list(PARAGRAPHS)
    assert [p.index for p in analysis.paragraphs] == [0, 1, 2, 3, 4]
    for blank in (1, 2):
        assert analysis.paragraphs[blank].devices == ()
        assert [s.stance for s in analysis.paragraphs[blank].stances] == ["neutral"]
    assert analysis.extra == {"date": "2020"}
    assert analysis.title == "石磨"
    assert analysis.model == "tiny-bert@unsaved"


def test_probabilities_sum_to_one(analyzer):
    analysis = analyzer.analyze(Article.from_paragraphs(PARAGRAPHS), ["美国", "中国"])
    for p in analysis.paragraphs:
        assert [s.target for s in p.stances] == ["美国", "中国"]
        for s in p.stances:
            assert list(s.probabilities) == ["favor", "against", "neutral"]
            assert sum(s.probabilities.values()) == pytest.approx(1, abs=2e-4)
            assert s.probability == s.probabilities[s.stance]


def test_a_side_is_taken_where_both_sides_reach_the_threshold(make_model):
    model = make_model()

    def read(threshold):
        model.calibration = replace(model.calibration, side_threshold=threshold)
        analysis = Analyzer(model, EngineConfig(hardware="cpu")).analyze(
            Article.from_paragraphs(PARAGRAPHS), ["美国", "中国", "石磨"]
        )
        return [s for p in analysis.paragraphs if p.text.strip() for s in p.stances]

    def sides(s):
        return s.probabilities["favor"] + s.probabilities["against"]

    sums = sorted(sides(s) for s in read(0.5))
    gap, between = max((two - one, (one + two) / 2) for one, two in pairwise(sums))
    assert gap > 1e-3  # so that the rounding of probabilities decides nothing
    low, middle, high = (read(threshold) for threshold in (0.01, between, 1.1))
    assert [s.stance for s in high] == ["neutral"] * 9
    for found in (low, middle):
        for s in found:
            side = "favor" if s.probabilities["favor"] > s.probabilities["against"] else "against"
            assert s.stance == (side if found is low or sides(s) > between else "neutral")
    assert 0 < [s.stance for s in middle].count("neutral") < 9


def test_an_article_cannot_tell_its_neighbours(analyzer):
    articles = [
        Article.from_text(TEXT, id="a"),
        Article.from_paragraphs(PARAGRAPHS, id="b"),
        Article.from_text("好" * 300, id="c"),
    ]
    together = list(analyzer.analyze_many(articles, ["美国"]))
    assert [one.id for one in together] == ["a", "b", "c"]
    for article, one in zip(articles, together, strict=True):
        alone = analyzer.analyze(article, ["美国"])
        assert labels(alone) == labels(one)
        assert chances(alone, "美国") == pytest.approx(chances(one, "美国"), abs=2e-4)


def test_a_target_cannot_tell_the_others(analyzer):
    article = Article.from_paragraphs(PARAGRAPHS, title="石磨")
    together = analyzer.analyze(article, ["中国", "财政", "美国"])
    alone = analyzer.analyze(article, ["美国"])
    assert labels(alone) == labels(together)
    assert chances(alone, "美国") == pytest.approx(chances(together, "美国"), abs=2e-4)
    assert chances(together, "中国") != pytest.approx(chances(together, "美国"), abs=1e-3)


def test_whose_targets_are_used(analyzer):
    article = Article.from_paragraphs(("美方加税，中国不行。",), targets=(" 美国 ", "", "美国", "税"))
    assert analyzer.analyze(article).targets == ("美国", "税")
    assert analyzer.analyze(article, ["财政", " 财政"]).targets == ("财政",)
    assert analyzer.analyze(article, []).targets == ()
    found = analyzer.analyze(Article.from_text("中国很好。\n中国的军区也很好，中国强。")).targets
    assert "中国" in found


def test_no_target_is_a_warning(analyzer):
    analysis = analyzer.analyze(Article.from_text("好。"))
    assert analysis.targets == ()
    assert analysis.warnings == ("No target was found in the text: name one to get stances.",)


@pytest.mark.parametrize("targets", [[""], ["美国", " \t"], ["\u3000"]])
def test_a_blank_target_is_refused(analyzer, targets):
    with pytest.raises(InputError, match="A target must be a name or a term; found a blank one"):
        analyzer.analyze(Article.from_text(TEXT), targets)


def test_a_bare_string_of_targets_is_refused(analyzer):
    with pytest.raises(TypeError, match=r"write \['美国'\]"):
        analyzer.analyze(Article.from_text(TEXT), "美国")


@pytest.mark.parametrize("article", [Article.from_text(" \n "), Article.from_paragraphs(())])
def test_an_article_without_a_paragraph(analyzer, article):
    with pytest.raises(InputError, match="expected at least one paragraph of text; found none"):
        analyzer.analyze(article)
    (empty,) = analyzer.analyze_many([article])
    assert empty.paragraphs == ()
    assert empty.warnings == ("No paragraph of text was found.",)


def test_the_shipped_model_is_missing(monkeypatch):
    monkeypatch.setattr(module, "SHIPPED", "no-such-model")
    with pytest.raises(ModelError, match=r"Expected the shipped model in .*no-such-model; found none"):
        Analyzer.load()
