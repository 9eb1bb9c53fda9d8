"""Turn public data sets into partly labelled articles: `build_data.py DATASETS_DIR OUT_DIR`.

DATASETS_DIR holds a folder for each set with `<split>.jsonl.gz`, one row a text: stance rows with `text`,
`target`, `stance`; device rows with `text`, `devices`, `spans` (`device`, `role`, `start`, `end`) and
`annotated`. OUT_DIR gets `<set>.<split>.jsonl.gz` in the format of `stance.training.examples`, each text an
article of one paragraph. Splits stay apart, and a row whose text also stands in a dev or test file of any
set (`also_in`) is dropped.

What each set teaches, decided on some thirty to sixty rows read of each:

c-stance, nlpcc2016-stance
    Stance of a microblog towards its targets; the rows of one text become one article. Pairs that are not
    there are unlabelled. `extra.target_types` tells noun phrases from claims (c-stance), whose balance is
    made: a claim alone gives its label away.
simile-cnu
    Sentences with 像. Presence of simile. Nearly half of the literal rows are similes in our sense (the set
    asks for an explicit noun as tenor), so a literal row is kept only where the use of 像 is plainly not a
    figure (不像, 像他那样, 图像, 像甲、乙等). The marked parts are head nouns, which gives the guidelines' span
    (tenor where adjacent, comparator, vehicle, 一样) only where the clause begins with the tenor or the
    comparator and ends with the vehicle, in a sentence with one comparator; elsewhere presence only.
cmre
    Metaphor in the broad sense: sentences with a comparator may be similes and are dropped, likewise
    literal ones that another set disputes. A noun vehicle (X是Y) is the guidelines' span. A verb (蒸发, but
    also 提携) is often a dead metaphor: those rows teach presence only, and `extra.figure` is "verb", so that
    training can leave them out.
pse-paibi
    Parallelism in school essays, with its span from the first to the last limb where all of a paragraph's
    figures have three limbs or more. With two limbs beside one of three only presence is taught; with two
    alone, or a figure that runs over several paragraphs, nothing is.
tosarcasm
    Irony of comments under a headline, which becomes the title. Broader than ours: any mockery counts.
configure
    Devices in literature; positives only, since its annotation is not exhaustive, and presence only, since
    its spans are whole clauses. Its 比喻 is a simile where the clause has a comparator; its 问语 do not tell
    rhetorical questions from hypophora and are left out, as are 对偶 and 通感, which it mixes.

Left out: ccl2018-metaphor, cn-sarcasmbench and cmc (non-commercial terms), poa-entity-polarity (not the
author's stance), cmsa (the sentences of others again), cmdag (lyrics, no negatives), zs-csd (chains of replies).
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance import DEFAULT_SCHEMA
from stance.training.examples import GoldSpan, LabelledArticle, write_labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Converter = Callable[[list["Row"], Counter[str]], list[LabelledArticle]]

Row = dict[str, Any]

COMPARATOR = re.compile(
    r"(?<![想图肖偶影录摄雕佛塑画铜])像|似(?!乎)|(?<![例比假譬])如(?![果今何此下])|仿佛|好比|宛若|俨然|一样|一般|般"
)
PUNCTUATION = "，。！？；：、…—,.!?;: “”‘’\"'（）()《》"
TAIL = re.compile(r"(一样|一般|似的|般)")
PERSON = (
    r"(?:[我你您他她它咱]们?|自己|大家|别人|人家|爸爸|妈妈|父母|老师"
    r"|以前|从前|过去|往常|平[时常]|[往昔]日|现在|[这那]里?)"
)
LITERAL = re.compile(
    r"[不没有哪能要会]像|[好想图肖偶影录摄雕佛石塑画铜]像(?!是)|像素"
    rf"|像{PERSON}(?:一样|[那这]样|[那这]么|样|般|，|。|$)"
    r"|像[^，。！？；]{0,12}[那这][样么]|像[^，。！？；]{1,14}等"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, metavar="DATASETS_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (splits, convert) in SETS.items():
        for split in splits:
            rows = read_rows(options.datasets / name / f"{split}.jsonl.gz")
            dropped: Counter[str] = Counter()
            articles = convert(unseen(rows, dropped), dropped)
            write_labelled(options.out / f"{name}.{split}.jsonl.gz", articles, DEFAULT_SCHEMA)
            print(f"{name}.{split}: {summary(len(rows), articles, dropped)}")


def summary(rows: int, articles: list[LabelledArticle], dropped: Counter[str]) -> str:
    """Rows read, kept and dropped, and what the articles say, in one line."""
    present = Counter(device for article in articles for device in article.presence[0])
    absent = Counter(device for article in articles for device in article.annotated - article.presence[0])
    placed = Counter(span.device for article in articles for span in article.spans[0])
    pairs = Counter(stance for article in articles for stance in article.stances[0].values())
    parts = [f"{rows} rows read, {rows - dropped.total()} kept as {len(articles)} articles"]
    parts += [f"stances {dict(sorted(pairs.items()))}"] * bool(pairs)
    parts += [
        f"present {dict(sorted(present.items()))}, absent {dict(sorted(absent.items()))}, spans {dict(placed)}"
    ] * bool(present)
    parts += [f"dropped {dict(dropped)}"] * bool(dropped)
    return "; ".join(parts)


def read_rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def unseen(rows: Iterable[Row], dropped: Counter[str]) -> list[Row]:
    """The rows whose text stands in no dev or test file of any set."""
    kept = []
    for row in rows:
        if any(name.endswith(("/dev", "/test")) for name in row.get("also_in", ())):
            dropped["text in a dev or test file"] += 1
        else:
            kept.append(row)
    return kept


def group_stances(rows: list[Row], dropped: Counter[str]) -> list[LabelledArticle]:
    """One article for each text, with its targets in the order of the rows."""
    texts: dict[str, dict[str, Row]] = {}
    contradicted: set[tuple[str, str]] = set()
    for row in rows:
        text, target = row["text"], row["target"]
        first = texts.setdefault(text, {}).setdefault(target, row)
        if first is not row:
            dropped["pair repeated"] += 1
            if first["stance"] != row["stance"]:
                contradicted.add((text, target))
    for text, target in contradicted:
        dropped["pair contradicted by a repetition"] += 1
        del texts[text][target]
    return [stance_article(text, list(pairs.values())) for text, pairs in texts.items() if pairs]


def stance_article(text: str, rows: list[Row]) -> LabelledArticle:
    types = {row["target"]: row["target_type"] for row in rows if "target_type" in row}
    domain = rows[0].get("domain")
    return LabelledArticle(
        id=rows[0]["id"],
        title="",
        paragraphs=(text,),
        targets=tuple(row["target"] for row in rows),
        stances=({row["target"]: row["stance"] for row in rows},),
        absence_known=False,
        spans=((),),
        presence=(frozenset(),),
        annotated=frozenset(),
        located=frozenset(),
        source=rows[0]["source"],
        genre="microblog",
        extra=({"target_types": types} if types else {}) | ({"domain": domain} if domain else {}),
    )


def device_set(genre: str, label: Callable[[Row], LabelledArticle | str]) -> Converter:
    """A converter from a function that labels one row, or says why it is dropped."""

    def convert(rows: list[Row], dropped: Counter[str]) -> list[LabelledArticle]:
        articles = []
        for row in rows:
            labelled = label(row | {"genre": genre})
            if isinstance(labelled, str):
                dropped[labelled] += 1
            else:
                articles.append(labelled)
        return articles

    return convert


def device_article(
    row: Row,
    present: Iterable[str],
    annotated: Iterable[str],
    spans: Iterable[GoldSpan] | None = None,
    extra: Row | None = None,
) -> LabelledArticle:
    """One paragraph with devices; `spans` are its spans, all of them, or None where they are not known."""
    return LabelledArticle(
        id=row["id"],
        title=row.get("topic", ""),
        paragraphs=(row["text"],),
        targets=(),
        stances=({},),
        absence_known=False,
        spans=(tuple(sorted(spans or ())),),
        presence=(frozenset(present),),
        annotated=frozenset(annotated),
        located=frozenset(annotated if spans is not None else ()),
        source=row["source"],
        genre=row["genre"],
        extra=extra or {},
    )


def parts(row: Row, *roles: str) -> list[tuple[int, int]]:
    """The spans with one of these roles, without those that lie inside another of them."""
    found = {(span["start"], span["end"]) for span in row["spans"] if span["role"] in roles}
    return sorted((a, b) for a, b in found if not any(x <= a and b <= y and (x, y) != (a, b) for x, y in found))


def simile(row: Row) -> LabelledArticle | str:
    text: str = row["text"]
    if row["devices"]:
        span = simile_span(text, parts(row, "tenor"), parts(row, "vehicle"))
        return device_article(row, ["simile"], ["simile"], None if span is None else [span])
    if text.count("像") == 1 and LITERAL.search(text):
        return device_article(row, [], ["simile"], [])
    return "literal row that may be a simile in our sense"


def simile_span(text: str, tenors: list[tuple[int, int]], vehicles: list[tuple[int, int]]) -> GoldSpan | None:
    """The guidelines' span where the marked head nouns give it away, else None."""
    comparators = [match for match in COMPARATOR.finditer(text) if not TAIL.fullmatch(match.group())]
    if len(comparators) != 1 or len(vehicles) != 1 or vehicles[0][0] < comparators[0].end():
        return None
    start, end = comparators[0].start(), vehicles[0][1]
    if tail := TAIL.match(text, end):
        end = tail.end()
    elif end < len(text) and text[end] not in PUNCTUATION:
        return None
    if text[start - 1 : start] in ("就", "好", "真", "正"):
        start -= 1
    starts = {begin for begin, stop in tenors if stop == start} | {start}
    opening = min(starts)
    return GoldSpan("simile", opening, end) if opening == 0 or text[opening - 1] in PUNCTUATION else None


def metaphor(row: Row) -> LabelledArticle | str:
    if COMPARATOR.search(row["text"]):
        return "has a comparator"
    if not row["devices"]:
        if any(name.startswith("ccl2018-metaphor") for name in row.get("also_in", ())):
            return "literal row that another set disputes"
        return device_article(row, [], ["metaphor"], [])
    figurative = {span["role"] for span in row["spans"]} - {"tenor"}
    if figurative != {"vehicle"}:
        return device_article(row, ["metaphor"], ["metaphor"], extra={"figure": "verb"})
    spans = [GoldSpan("metaphor", start, end) for start, end in parts(row, "vehicle")]
    return device_article(row, ["metaphor"], ["metaphor"], spans, extra={"figure": "noun"})


def parallelism(row: Row) -> LabelledArticle | str:
    if row["cross_paragraph"] or not row["annotated"]:
        return "figure over several paragraphs"
    limbs = Counter(span["group"] for span in row["spans"] if span["role"] == "branch")
    if not limbs:
        return device_article(row, [], ["parallelism"], [])
    if max(limbs.values()) < 3:
        return "two limbs only"
    if min(limbs.values()) < 3:
        return device_article(row, ["parallelism"], ["parallelism"])
    spans = [GoldSpan("parallelism", *trim(row["text"], start, end)) for start, end in parts(row, "device")]
    return device_article(row, ["parallelism"], ["parallelism"], spans)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` without stops and dashes at its ends."""
    marks = "，。！？；：、…—,.!?;: "
    words = text[start:end]
    return start + len(words) - len(words.lstrip(marks)), end - len(words) + len(words.rstrip(marks))


def irony(row: Row) -> LabelledArticle | str:
    return device_article(row, row["devices"], ["irony"])


def literary(row: Row) -> LabelledArticle | str:
    present = set()
    for span in row["spans"]:
        device = span["device"]
        if device == "metaphor" and COMPARATOR.search(row["text"][span["start"] : span["end"]]):
            device = "simile"
        if device not in ("other", "rhetorical_question"):
            present.add(device)
    return device_article(row, present, present) if present else "no device that maps to ours"


SETS: dict[str, tuple[tuple[str, ...], Converter]] = {
    "c-stance": (("train", "dev", "test"), group_stances),
    "nlpcc2016-stance": (("train",), group_stances),
    "simile-cnu": (("train", "dev"), device_set("essay", simile)),
    "cmre": (("train", "dev"), device_set("sentence", metaphor)),
    "pse-paibi": (("train", "dev"), device_set("essay", parallelism)),
    "tosarcasm": (("train", "dev"), device_set("comment", irony)),
    "configure": (("dev", "test"), device_set("literature", literary)),
}

if __name__ == "__main__":
    main()
