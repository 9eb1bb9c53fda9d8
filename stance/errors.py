"""Every error that a user can mend, as one tree.

    StanceError             catch this to catch them all
        InputError          an article, file or row that cannot be read as asked
        SchemaError         labels that do not fit the label schema
        ModelError          a model folder that is missing, damaged or of another make
        HardwareError       the chosen hardware is absent, or too small for a single article
        RunError            a batch run that may not start or go on

Messages say what was expected, what was found, where, and what to do. Mistakes of a caller in Python
code (a negative batch size) stay `ValueError` and `TypeError`.
"""

from __future__ import annotations

__all__ = ["HardwareError", "InputError", "ModelError", "RunError", "SchemaError", "StanceError"]


class StanceError(Exception):
    """Base of all errors that a user of stance can mend."""


class InputError(StanceError):
    """An article, file or row cannot be read as asked."""


class SchemaError(StanceError):
    """Labels do not fit the label schema."""


class ModelError(StanceError):
    """A model folder is missing, damaged, or was made for something else."""


class HardwareError(StanceError):
    """The chosen hardware is absent, or too small for a single article."""


class RunError(StanceError):
    """A batch run may not start or go on."""
