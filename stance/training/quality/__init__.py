"""The quality report of a model: where it is right, where it errs and on what words, how far to trust its numbers."""

from stance.training.quality.errors import DeviceError, Mark, ParagraphError, StanceMistake, worst_paragraphs
from stance.training.quality.figures import Ceiling
from stance.training.quality.invariance import Invariance, Move, SwapCase, measure_invariance, read_swaps
from stance.training.quality.write import check_report_path, write_quality_report

__all__ = [
    "Ceiling",
    "DeviceError",
    "Invariance",
    "Mark",
    "Move",
    "ParagraphError",
    "StanceMistake",
    "SwapCase",
    "check_report_path",
    "measure_invariance",
    "read_swaps",
    "worst_paragraphs",
    "write_quality_report",
]
