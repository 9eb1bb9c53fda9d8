"""Where a text names a target: by its own name, an alias, a country's sign, or a part of a long name."""

from __future__ import annotations

import re
from functools import lru_cache

from stance.text.generic import GENERIC_PARTS
from stance.text.names import PAIRS, ROLES, SIGNS, canonical, names_of
from stance.text.words import tagged_words

__all__ = ["mentions", "partial_mentions"]


def mentions(text: str, target: str) -> tuple[tuple[int, int], ...]:
    """Half-open spans of cleaned `text` that name `target`: its own name or an alias, in order, not overlapping.

    A single character (美, 中) counts where it stands for the country: 中美, 对美, 美财长; not in 美丽.
    """
    pattern = _name_pattern(target)
    return tuple(match.span() for match in pattern.finditer(text)) if pattern else ()


def partial_mentions(text: str, target: str) -> tuple[tuple[int, int], ...]:
    """Half-open spans of cleaned `text` that name a distinctive part of `target`, outside of `mentions`.

    For 稀土出口管制 these are 出口管制, 稀土 …; for 埃隆·马斯克 it is 马斯克. Names of one word have no parts.
    """
    pattern = _part_pattern(target)
    if pattern is None:
        return ()
    whole = mentions(text, target)
    parts = (match.span() for match in pattern.finditer(text))
    return tuple(part for part in parts if not any(start < part[1] and part[0] < end for start, end in whole))


_NOT_AFTER_SIDE = "案法式向便言位块形针程"
"""Characters after 方 that make another word of it: 中方案, 以方便."""
_BRACKETS = '《》〈〉“”‘’"「」【】'


@lru_cache(maxsize=4096)
def _name_pattern(target: str) -> re.Pattern[str] | None:
    """Matches each way to name a target; None for an empty one."""
    names = [_guarded(name) for name in names_of(_unbracketed(target))]
    name = canonical(target)
    names += [_sign_pattern(c, sign.not_after, sign.not_before) for c, sign in SIGNS.items() if sign.country == name]
    return re.compile("|".join(names), re.IGNORECASE) if names else None


def _unbracketed(target: str) -> str:
    """The words inside brackets or quotation marks where these alone are a name: 《八佰电影》; 《意见》 keeps them."""
    inner = target.strip().strip(_BRACKETS)
    return inner if len(inner) > 2 else target.strip()


def _guarded(name: str) -> str:
    """Pattern of a full name that does not match within another word."""
    pattern = re.escape(name)
    if name[0].isascii() and name[0].isalnum():
        pattern = "(?<![a-z0-9])" + pattern
    if name[-1].isascii() and name[-1].isalnum():
        pattern += "(?![a-z0-9])"
    if len(name) == 2 and name[1] == "方":
        before = SIGNS[name[0]].not_after if name[0] in SIGNS else ""
        pattern = (f"(?<![{before}])" if before else "") + pattern + f"(?![{_NOT_AFTER_SIDE}])"
    return pattern


def _sign_pattern(c: str, not_after: str, not_before: str) -> str:
    """Pattern of a country's character where its neighbours make it the country.

    The character comes first, so that the search skips to it; what precedes it is looked at from behind it.
    """
    sign = SIGNS[c]
    first = f"(?<![{not_after}]{c})" if not_after else ""
    last = f"(?![{not_before}])" if not_before else ""
    roles = "|".join([*ROLES, *(f"{role}(?![事{_NOT_AFTER_SIDE}])" for role in sign.roles)])
    contexts = [f"{first}(?={roles})"]
    if sign.verbs:
        contexts.append(f"(?<=[{sign.verbs}]{c}){last}")
    for pair in sorted(pair for pair in PAIRS if c in pair):
        other = SIGNS.get(pair.replace(c, ""))
        after, before = (other.not_after, other.not_before) if other else ("", "")
        if pair[1] == c:
            whole = f"(?<![{after}]{pair})" if after else ""
            contexts.append(f"(?<={pair}){whole}{last}")
        else:
            follows = f"(?![{before}])" if before else ""
            contexts.append(f"{first}(?={pair[1]}{follows})")
    return f"{c}(?:{'|'.join(contexts)})"


@lru_cache(maxsize=4096)
def _part_pattern(target: str) -> re.Pattern[str] | None:
    """Matches the distinctive parts of a name, the longest first; None where it has none."""
    name = _unbracketed(canonical(target))
    parts = _parts(name)
    if not parts:
        return None
    return re.compile("|".join(map(_guarded, sorted(parts, key=lambda part: (-len(part), part)))), re.IGNORECASE)


def _parts(name: str) -> set[str]:
    """The content words of a name and the runs of its words, each shorter than the name."""
    words = tagged_words(name) if len(name) > 2 else []  # 美国 has no part of two characters: it can do without jieba
    parts: set[str] = set()
    for first in range(len(words)):
        for end in range(first + 1, len(words) + 1):
            run = words[first:end]
            if all(_is_content(word, tag) for word, tag in run):
                parts.add("".join(word for word, _ in run))
    return {part for part in parts if part != name and part not in GENERIC_PARTS}


def _is_content(word: str, tag: str) -> bool:
    return len(word) >= 2 and tag[0] in "nvaijlez" and word.isalnum()
