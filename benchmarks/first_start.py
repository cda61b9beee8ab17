"""The first minute: a fresh clone, the README's first command, and what the terminal shows until the app is there.

    python benchmarks/first_start.py                  # of what is committed
    python benchmarks/first_start.py --commit v0.1.0  # of another state, to compare

The clone lies in an empty folder, and what has to be installed is in the package cache already, unless this is the
first run on this machine: run it twice. `uv` must be there. The command runs in a terminal of its own, as a reader's.

It prints what the terminal and the page showed, each line with its second, then the seconds until the page was served,
the longest time without a word of the terminal, and the seconds until the first maps were there, on a page that was
opened as soon as it was served (a bare WebSocket, see `bare_client`). It exits with 1 where the page took more than
20 s or 3 s passed without a word: on a machine that does other work meanwhile, these mean little.
"""

import argparse
import codecs
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from bare_client import BareSession

PAGE, SILENCE = 20.0, 3.0
_PATIENCE = 600.0
_CHECKOUT = Path(__file__).resolve().parents[1]
_NO_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


@dataclass
class Start:
    """What was seen of a start.

    Attributes:
        lines: (second, what appeared in the terminal), escape sequences taken out.
        served: second at which the page could be opened.
        silence: the longest time without a word in the terminal, until the maps were there or it said "Ready".
        maps: second at which the page had the first film's maps.
    """

    lines: list[tuple[float, str]] = field(default_factory=list)
    served: float = 0.0
    silence: float = 0.0
    maps: float = 0.0


def readme_command(checkout: Path) -> list[str]:
    """Return the README's first command without its `pip install uv`."""
    found = re.search(r"^pip install uv && (uv run .*)$", (checkout / "README.md").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("The README has no first command.")
    return shlex.split(found[1])


def first_start(checkout: Path, home: Path) -> Start:
    """Run the README's first command in a fresh clone until the page is served, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*readme_command(checkout), "--no-browser", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"ENSEMBLE_CAM_CACHE": str(home / "cache"), "TERM": "xterm-256color", "COLUMNS": "120"}
    terminal, end = pty.openpty()
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True
    )
    os.close(end)
    start, last, ready = Start(), 0.0, False
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    page = Thread(target=_open_page, args=(f"http://127.0.0.1:{port}", start, began), daemon=True)
    try:
        while (not start.served or page.is_alive()) and time.monotonic() - began < _PATIENCE:
            if process.poll() is not None:
                raise SystemExit("\n".join(part for _, part in start.lines[-20:]))
            if select.select([terminal], [], [], 0.05)[0]:
                text = _NO_TEXT.sub("", decode(os.read(terminal, 65536)))
                now = time.monotonic() - began
                if shown := [part.strip() for part in re.split(r"[\r\n]+", text) if part.strip()]:
                    start.lines += [(now, part) for part in shown]
                    start.silence, last = max(start.silence, 0.0 if ready else now - last), now
                    ready = ready or any(part.startswith("Ready") for part in shown)
            if not start.served and _answers(port):
                start.served = time.monotonic() - began
                page.start()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        os.close(terminal)
    return start


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=0.5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def _open_page(address: str, start: Start, began: float) -> None:
    """Open the page, note what it says, and wait for its first film's maps."""
    with BareSession(address) as page:
        said = 0
        while page.scores is None:
            page.listen(0.2)
            now = time.monotonic() - began
            start.lines += [(now, f"[page] {text}") for text in page.said[said:]]
            said = len(page.said)
        start.maps = time.monotonic() - began


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commit", default="HEAD", help="what is cloned (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ensemble-cam"
        subprocess.run(["git", "clone", "--quiet", str(_CHECKOUT), str(clone)], check=True)
        subprocess.run(["git", "checkout", "--quiet", options.commit], cwd=clone, check=True)
        start = first_start(clone, Path(folder))
    before = ""
    for second, text in start.lines:
        if text != before:  # a spinner turns
            print(f"{second:7.2f}  {text}")
        before = text
    print(f"page served after {start.served:.1f} s (at most {PAGE:.0f})")
    print(f"longest time without a word: {start.silence:.1f} s (less than {SILENCE:.0f})")
    print(f"first maps after {start.maps:.1f} s")
    return 0 if start.served <= PAGE and start.silence < SILENCE else 1


if __name__ == "__main__":
    sys.exit(main())
