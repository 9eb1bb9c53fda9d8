"""Bytes of a text file to a string."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from stance.errors import InputError

__all__ = ["decode"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 65_536
"""Bytes, or characters, that are looked at to guess an encoding."""
_PLAUSIBLE = 0.45
"""Plausibility below which a reading as Chinese is not believed."""

_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点"
    "正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿"
    "原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德"
    "资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交"
    "规万取拉格望觉术领共确传师观清今切院让识候带导争运笔"
    "這個們來為國時說會對於著發後裡過經麼學現當沒動還進樣開從實軍無與長機業將兩間問應戰頭體見產話門場種關點總數報結員論處義條"
    "系氣題爾變電數務計資書難統區隊決馬則聽強權設記類張該規萬觉術領確傳師觀許讓識帶導爭運"
)
"""The commonest characters of simplified and traditional Chinese."""
_PUNCTUATION = re.compile(r"[\x20-\x7e\s，。、；：？！“”‘’「」『』（）《》〈〉—…·０-９]")


def decode(data: bytes, where: str) -> str:
    r"""The text in `data`, with line ends `\r\n` and `\r` made `\n`; other line separators stay.

    Tried in turn: a byte order mark (UTF-8, UTF-16, UTF-32), UTF-16 without one, strict UTF-8, GB18030 and Big5
    (whichever gives more of the common Chinese characters), and what charset-normalizer finds.

    Args:
        data: the whole file.
        where: names the file in the error message.

    Raises:
        InputError: the bytes are no text, or in no encoding that could be told.
    """
    text = _marked(data, where)
    if text is None:
        text = _wide(data) if b"\0" in data else _utf8(data)
    if text is None and b"\0" in data:
        raise InputError(
            f"{where}: expected a text file; found binary data (a zero byte at {data.index(0)}). "
            "Save the text as UTF-8, or convert the document to text or HTML first."
        )
    if text is None:
        text = _chinese(data) or _guessed(data)
    if text is None:
        raise InputError(
            f"{where}: expected text in UTF-8, UTF-16, GB18030 or Big5; found {len(data)} bytes in no encoding that "
            "could be told. Save the text as UTF-8."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _marked(data: bytes, where: str) -> str | None:
    """The text after a byte order mark; None where there is none."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{where}: expected {encoding.upper()} as its byte order mark says; found {error.reason} "
                    f"at byte {len(mark) + error.start}. Save the text again as UTF-8."
                ) from error
    return None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark, in the byte order that reads as Chinese; None where neither does."""
    readings = []
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            readings.append((_plausibility(text), text))
    return _best(readings)


def _chinese(data: bytes) -> str | None:
    """GB18030 or Big5, whichever reads better; None where neither reads as Chinese."""
    readings = []
    for encoding in ("gb18030", "big5hkscs", "cp950"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        readings.append((_plausibility(text), text))
    return _best(readings)


def _best(readings: list[tuple[float, str]]) -> str | None:
    """The most plausible reading, the first of equals; None where it is not plausible enough."""
    plausibility, text = max(readings, key=lambda reading: reading[0], default=(0.0, ""))
    return text if plausibility >= _PLAUSIBLE else None


def _plausibility(text: str) -> float:
    """How much a text looks like Chinese, 0 to 1, by its characters beyond ASCII; 1 for printable ASCII alone.

    The commonest characters and punctuation count in full, those of the first level of GB2312 or Big5 by half.
    Nearly every wrong reading has characters of that level, and few of the commonest ones.
    """
    sample = text[:_SAMPLE]
    beyond = [character for character in sample if character > "\x7f"]
    if not beyond:
        return float(all(character.isprintable() or character.isspace() for character in sample))
    return sum(map(_weight, beyond)) / len(beyond)


def _weight(character: str) -> float:
    if character in _COMMON or _PUNCTUATION.match(character):
        return 1.0
    simplified, traditional = character.encode("gb2312", "ignore"), character.encode("big5", "ignore")
    return 0.5 if b"\xb0" <= simplified < b"\xd8" or b"\xa4\x40" <= traditional < b"\xc6\x7f" else 0.0


def _guessed(data: bytes) -> str | None:
    best = from_bytes(data).best()
    return None if best is None or b"\0" in data else str(best)
