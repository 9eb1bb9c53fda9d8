import codecs

import pytest

from stance.errors import InputError
from stance.text.charset import decode

SIMPLIFIED = "渔港换了一本新账。过去渔民只记打了多少鱼，如今还要记省下多少油。"
TRADITIONAL = "漁港換了一本新賬。過去漁民只記打了多少魚，如今還要記省下多少油。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk"])
def test_simplified_text(encoding):
    assert decode(SIMPLIFIED.encode(encoding), "a.txt") == SIMPLIFIED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "big5", "big5hkscs"])
def test_traditional_text(encoding):
    assert decode(TRADITIONAL.encode(encoding), "a.txt") == TRADITIONAL


@pytest.mark.parametrize("text", ["油钱从哪里省？", "两成油", "船老大说：够了。"])
def test_short_gb18030_is_not_read_as_big5(text):
    assert decode(text.encode("gb18030"), "a.txt") == text


@pytest.mark.parametrize("text", ["油錢從哪裡省？", "兩成的油", "船老大說：夠了。"])
def test_short_big5_is_not_read_as_gb18030(text):
    assert decode(text.encode("big5"), "a.txt") == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_byte_order_marks_are_obeyed_and_left_out(mark, encoding):
    assert decode(mark + SIMPLIFIED.encode(encoding), "a.txt") == SIMPLIFIED


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(encoding):
    text = "船 1 号, 船 2 号\n" + SIMPLIFIED
    assert decode(text.encode(encoding), "a.txt") == text


def test_line_ends_become_line_feeds_and_other_separators_stay():
    assert decode("一\r\n二\r三\n四\u2028五\x85六".encode(), "a.txt") == "一\n二\n三\n四\u2028五\x85六"


def test_empty_file():
    assert decode(b"", "a.txt") == ""


def test_other_encodings_are_guessed():
    text = "日本語のテキストです。これはただの試験です。" * 3
    assert decode(text.encode("shift_jis"), "a.txt") == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x06",
        "文字".encode() + b"\x00" + "还是文字".encode(),
        bytes(range(256)) * 4,
    ],
)
def test_binary_data_is_refused_with_a_way_out(data):
    with pytest.raises(
        InputError, match=r"news/a\.bin: expected a text file; found binary data.*Save the text as UTF-8"
    ):
        decode(data, "news/a.bin")


def test_a_mark_that_lies_is_reported_with_its_place():
    with pytest.raises(InputError, match=r"a\.txt: expected UTF-8 as its byte order mark says; .* at byte 6"):
        decode(codecs.BOM_UTF8 + "好".encode() + b"\xff", "a.txt")
