"""The command line: one thin module per command, each of which calls one function of a room.

Results go to stdout, progress and warnings to stderr. Wrong input ends with one line on stderr and
exit code 2.
"""

from firstloan.rooms import refuse_hidden_rooms

refuse_hidden_rooms()

from firstloan.cli import app, main  # noqa: E402 - what it imports has to be ours

__all__ = ["app", "main"]
