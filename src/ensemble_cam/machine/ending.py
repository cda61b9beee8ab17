"""How a command ends."""

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def end_at_once(code: int, *, unread: int) -> NoReturn:
    """End the process with a code, as `sys.exit` does, but leave what it holds to the system.

    Networks are taken apart layer by layer where the interpreter frees them: by the clinical set's, a cold review took
    2.6 s of the processor so, and takes 2.4. All else that belongs to an end is done: threads that are no daemons come
    to theirs, what was registered is called, and what was printed is written. A Ctrl-C meanwhile ends the waiting.

    Args:
        code: the exit code.
        unread: the code in place of 0 where what was printed reaches nobody.
    """
    with suppress(KeyboardInterrupt):
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # nobody reads it any more, or it is closed
            code = code or unread
    os._exit(code)


def print_no_more() -> None:
    """Let what is printed from now on, and what was printed and not yet written, go nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
