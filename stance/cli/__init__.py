"""The command line: each command parses, makes one call of the library, and writes the result.

Data goes to standard output, messages to standard error. Exit codes: 0 all done, 1 done but rows were set
aside, 2 wrong usage or an error. Whatever is slow to import is imported inside the command that needs it.
One module a command or two; importing it adds its commands to `app`.
"""

from stance.cli import (  # noqa: F401 - importing them adds the commands
    analyze,
    annotation,
    label,
    report,
    schema,
    serve,
    summarize,
    train,
)
from stance.cli.app import app, main

__all__ = ["app", "main"]
