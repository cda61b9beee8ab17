"""The command line: `ensemble-cam app`, `review`, `explain`, `layers`, `train`, `archive`, `measure`,
`validate`, `watch`, `pacs`, `readers`, `weights`, `phantom` and `bench`.

What an exit code means stands in `exit_codes`. Each command is a module of its own, and what it needs is imported when
it runs, so that `--help` answers at once.
"""

import errno
import sys
from collections.abc import Sequence
from contextlib import suppress

from ensemble_cam import __version__
from ensemble_cam.cli import (
    app,
    archive,
    bench,
    explain,
    measure,
    pacs,
    phantom,
    readers,
    review,
    train,
    validate,
    watch,
    weights,
)
from ensemble_cam.cli.arguments import Parser
from ensemble_cam.cli.exit_codes import STOPPED, UNREAD, USAGE, WEIGHTS
from ensemble_cam.errors import EnsembleCamError, WeightsError
from ensemble_cam.machine.ending import end_at_once, print_no_more
from ensemble_cam.machine.names import one_line
from ensemble_cam.machine.threads import multiply_in_one_thread, wait_briefly
from ensemble_cam.purpose import PURPOSE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: without the program's name; None for the process's own, which then ends with the code.
    """
    if arguments is None:
        end_at_once(_run(sys.argv[1:]), unread=UNREAD)
    return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Film names and arrows must not stop a review where the output's encoding lacks them, as in a Windows pipe.
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser().parse_args(arguments)
        multiply_in_one_thread()
        wait_briefly()
        return options.command(options)
    except WeightsError as error:
        return _fail(error, WEIGHTS)
    except EnsembleCamError as error:
        return _fail(error, USAGE)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # of standard output: pipes to other processes have their own answers
        print_no_more()
        return UNREAD
    except OSError as error:  # of standard output or error: files have their own answers
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print_no_more()
        why = f"nothing more can be written ({error.strerror}). Free space, or send what is printed elsewhere."
        with suppress(OSError):
            print(f"ensemble-cam: {why}", file=sys.stderr)
        return UNREAD


def _fail(error: EnsembleCamError, code: int) -> int:
    # Of several weights that are missing, each has its line.
    print("ensemble-cam: " + "\n".join(map(one_line, str(error).split("\n"))), file=sys.stderr)
    return code


def parser() -> Parser:
    """Return what parses the arguments of all commands; the manual's lists of options are made from it, too."""
    whole = Parser(
        prog="ensemble-cam",
        description="Clinical review of chest radiographs: three classifiers' Grad-CAM++ maps and their ensemble. "
        f"{PURPOSE}",
    )
    whole.add_argument("--version", action="version", version=f"ensemble-cam {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    machine = (weights, phantom, bench)
    for command in (app, review, explain, train, archive, measure, validate, watch, pacs, readers, *machine):
        command.add(commands)
    return whole
