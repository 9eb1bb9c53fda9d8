"""A corpus labelled in parts, so that a kill at any point costs one part and the same call goes on.

    report = label(["news.jsonl"], "labels.parquet", stance.Analyzer.load(), targets=["美国"])

The output does not depend on where a run was broken off, nor on what computed it: parts are cut by the input
alone, and the final files are put together from them, each in one step. Every input row is in exactly one of
the output and `OUTPUT.rejected.jsonl`; near-duplicate articles are marked `duplicate_of`; `OUTPUT.run.json`
says what was done, with a paragraph for the methods section of a paper.
"""

from stance.runs.parts import Labeller
from stance.runs.report import Progress, RunReport
from stance.runs.run import label

__all__ = ["Labeller", "Progress", "RunReport", "label"]
