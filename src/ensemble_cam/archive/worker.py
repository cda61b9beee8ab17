"""The child that makes records of films: `python -m ensemble_cam.archive.worker`, asked by `archive.workers`."""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.film_record import message_of
from ensemble_cam.archive.measuring import Examiner
from ensemble_cam.archive.with_networks import run


class _Recorder:
    """Makes records of the films whose places a request names, as a JSON list."""

    def __init__(self, asked: Asked):
        self.method = asked.options.settings.method
        self._examiner = Examiner(asked)

    @property
    def key(self) -> dict[str, Any]:
        return self._examiner.key

    @property
    def description(self) -> dict[str, Any]:
        return self._examiner.description

    def films(self, request: bytes) -> int:
        return len(json.loads(request))

    def answer(self, request: bytes) -> Sequence[memoryview]:
        return message_of(list(self._examiner.records(json.loads(request))))


def main(arguments: Sequence[str]) -> None:
    """Answer requests until no more come.

    Args:
        arguments: the request of the whole run, see `Asked.to_text`, and in how many threads networks compute.
    """
    logging.disable()
    text, threads = arguments
    run(lambda: _Recorder(Asked.from_text(text)), threads=int(threads))


if __name__ == "__main__":
    main(sys.argv[1:])
