"""Progress in the terminal."""

from typing import TextIO


class Progress:
    """Lines of progress: passing ones that replace each other on a terminal, and lasting ones."""

    def __init__(self, stream: TextIO):
        self._stream, self._is_terminal = stream, stream.isatty()

    def transient(self, text: str) -> None:
        """Show a line until the next one; nothing where the output is no terminal."""
        if self._is_terminal:
            self._stream.write(f"\r\x1b[2K{text}")
            self._stream.flush()

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self._stream.write(f"\r\x1b[2K{text}\n" if self._is_terminal else f"{text}\n")
        self._stream.flush()
