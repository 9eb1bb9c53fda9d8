"""Which words carry a label; the oracle is the plain way: leave a word out, analyze again."""

from __future__ import annotations

import pytest

from stance import Analyzer, Article, EngineConfig, InputError, SchemaError
from stance import explain as module

TEXTS = ["美国的财政是石磨。", "中国「增长」，美国 不好。", "税像山一样高，大家都说好。"]


@pytest.fixture(scope="module")
def analyzer(model):
    return Analyzer(model, EngineConfig(hardware="cpu", precision="float32"))


def analyzed(analyzer, texts):
    return analyzer.analyze(Article.from_paragraphs(texts, title="石磨", targets=["美国"]))


def probability(analysis, index, stance):
    return analysis.paragraphs[index].stances[0].probabilities[stance]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_what_a_stance_loses_without_a_word(analyzer, index):
    analysis = analyzed(analyzer, TEXTS)
    found = analyzer.explain(analysis, index, "against", "美国")
    assert (found.paragraph, found.label, found.target) == (index, "against", "美国")
    assert found.probability == pytest.approx(probability(analysis, index, "against"), abs=2e-4)
    assert "".join(word.text for word in found.words).replace(" ", "") == TEXTS[index].replace(" ", "")
    assert any(word.effect for word in found.words)
    for word in found.words:
        assert TEXTS[index][word.start : word.end] == word.text
        texts = list(TEXTS)
        texts[index] = TEXTS[index][: word.start] + TEXTS[index][word.end :]
        without = probability(analyzed(analyzer, texts), index, "against")
        assert word.effect == pytest.approx(found.probability - without, abs=3e-4)


def test_a_device_is_explained_though_it_was_not_reported(analyzer):
    analysis = analyzed(analyzer, TEXTS)
    found = analyzer.explain(analysis, 0, "metaphor")
    assert 0 <= found.probability <= 1
    reported = {d.device: d.probability for d in analysis.paragraphs[0].devices}
    if "metaphor" in reported:
        assert found.probability == pytest.approx(reported["metaphor"], abs=2e-4)
    record = found.to_dict()
    assert record["words"][0] == {"start": 0, "end": 2, "text": "美国", "effect": found.words[0].effect}


def test_a_long_paragraph_is_explained_in_parts(analyzer, monkeypatch):
    monkeypatch.setattr(module, "PARTS", 5)
    long = "美国不好，财政是石磨。" * 8  # more than a window of the tiny model
    analysis = analyzed(analyzer, [*TEXTS, long])
    found = analyzer.explain(analysis, 3, "favor", "美国")
    assert len(found.words) <= 5
    assert "".join(word.text for word in found.words) == long
    assert found.probability == pytest.approx(probability(analysis, 3, "favor"), abs=2e-4)


def test_what_cannot_be_explained(analyzer):
    analysis = analyzed(analyzer, TEXTS)
    with pytest.raises(InputError, match=r"a paragraph from 0 to 2; found 3\. Give the `index`"):
        analyzer.explain(analysis, 3, "metaphor")
    with pytest.raises(InputError, match=r"the target of the stance 'favor'; found none.*of the article: 美国"):
        analyzer.explain(analysis, 0, "favor")
    with pytest.raises(
        SchemaError, match="Unknown label 'pun': the model knows favor, against, neutral, simile, metaphor, irony"
    ):
        analyzer.explain(analysis, 0, "pun")
