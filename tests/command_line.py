"""Run the command line inside the test's own process: a new one would import torch anew each time."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple

import pytest

from dyml.cli import main


class Done(NamedTuple):
    """What a command left: its status and its words."""

    returncode: int
    stdout: str
    stderr: str


def dyml(*words: object) -> Done:
    """Run `dyml WORDS` as the installed command does."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["dyml", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
    return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())
