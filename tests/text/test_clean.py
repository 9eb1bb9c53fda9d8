import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.text.clean import clean

# Characters that cleaning drops, folds, joins or pairs, beside ordinary ones, lone surrogates included.
RELEVANT = (
    "中文乾隆坤國後臺徵宫⼀豈，。﹐（ab1🙂" + " \u3000\t\n\u200b\u200d\ufe0f\x00\x1f\ud800\udc00\u202e\u3164\U000e0101"
)
RELEVANT += '"“”「」『』＂ＡＺ９㈠m²'
texts = st.text(alphabet=st.one_of(st.sampled_from(RELEVANT), st.characters()), max_size=60)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("稀土出口管制，不是口号。", "稀土出口管制，不是口号。"),
        ("ＡＢＣ１２３％，（好）！", "ABC123%，（好）！"),
        ("中\u3000 文  and\t English ", "中文 and English"),
        (" 　\n", ""),
        ("a\u200b \u200b b", "a b"),
        ("中\ufe0f国\u202e人\ud83d", "中国人"),
        ("這個國家的經濟", "这个国家的经济"),
        ("乾隆说衣服乾了，扭转乾坤", "乾隆说衣服干了，扭转乾坤"),
        ("「他說『好』」", "“他说‘好’”"),
        ('他说"好"，又说"不好"', "他说“好”，又说“不好”"),
        ('“他说"', "“他说”"),
        ('he said "no"', 'he said "no"'),
        ("﹐﹔︰豈⼀", "，；︰岂一"),
        ("m²①㎡…—", "m²①㎡…—"),
        ("10 个 GPU", "10 个 GPU"),
    ],
)
def test_normal_form(given_text, expected):
    assert clean(given_text).text == expected


def test_spans_map_both_ways():
    text = " 「甲\u200b乙」\u3000丙"
    cleaned = clean(text)
    assert cleaned.text == "“甲乙” 丙"
    assert cleaned.origin == (1, 2, 4, 5, 6, 7, 8)
    assert cleaned.to_original(1, 3) == (2, 5)  # 甲, the dropped character, 乙
    assert cleaned.to_original(1, 2) == (2, 3)  # nothing dropped at its end is taken in
    assert cleaned.from_original(2, 4) == (1, 2)
    assert cleaned.from_original(3, 4) is None
    assert cleaned.from_original(0, 8) == (0, 6)
    assert cleaned.to_original(6, 6) == (8, 8)


@pytest.mark.parametrize("span", [(-1, 1), (2, 1), (0, 3)])
def test_spans_outside_the_text_are_refused(span):
    cleaned = clean("两字")
    with pytest.raises(ValueError, match="Expected 0 <= start"):
        cleaned.to_original(*span)
    with pytest.raises(ValueError, match="Expected 0 <= start"):
        cleaned.from_original(*span)


@given(texts)
def test_cleaning_twice_changes_nothing_more(text):
    once = clean(text).text
    assert clean(once).text == once


@given(texts)
def test_origin_points_to_every_character(text):
    cleaned = clean(text)
    assert len(cleaned.origin) == len(cleaned.text) + 1
    assert cleaned.origin[-1] == len(text)
    assert all(a < b for a, b in zip(cleaned.origin, cleaned.origin[1:], strict=False))
    for character, place in zip(cleaned.text, cleaned.origin, strict=False):
        original = text[place]
        # Each character cleans to itself alone, save for spaces and the quotes that pairing turns.
        assert character in " “”" or clean(original).text == character or original in "乾徵"


@given(texts)
def test_what_is_dropped_is_invisible_or_space(text):
    kept = set(clean(text).origin)
    for place, character in enumerate(text):
        if place not in kept:
            assert character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Mn", "Lo"}
            assert not ("\u4e00" <= character <= "\u9fff")


@given(texts, st.data())
def test_a_span_there_and_back_covers_what_is_left_of_it(text, data):
    cleaned = clean(text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    left = [i for i, place in enumerate(cleaned.origin[:-1]) if start <= place < end]
    span = cleaned.from_original(start, end)
    if not left:
        assert span is None
        return
    assert span == (left[0], left[-1] + 1)
    back = cleaned.to_original(*span)
    assert start <= back[0] <= back[1] <= end
    assert all(back[0] <= cleaned.origin[i] < back[1] for i in left)


@given(texts, st.data())
def test_a_cleaned_span_comes_back_as_it_was(text, data):
    cleaned = clean(text)
    start = data.draw(st.integers(0, len(cleaned.text)))
    end = data.draw(st.integers(start, len(cleaned.text)))
    if start < end:
        assert cleaned.from_original(*cleaned.to_original(start, end)) == (start, end)
