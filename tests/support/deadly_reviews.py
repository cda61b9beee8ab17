"""The child that writes reviews, but for films that tell it to end: `python -m support.deadly_reviews`.

It stands in the place of `ensemble_cam.archive.review_worker`, loads no network, and ends nothing but itself.
"""

import hashlib
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensemble_cam.archive.workers import DESCRIBE
from ensemble_cam.machine.child import Allowance, Grant, serve

KEY: dict[str, Any] = {
    "schema": 1,
    "greys": {"window": None, "inverted": False},
    "software": {},
    "settings": {},
    "classifiers": [],
}


def review(data: bytes, folder: Path, case: str | None) -> dict[str, Any]:
    (folder / "begun").touch()
    match data.partition(b" ")[0]:
        case b"crash":
            os.abort()
        case b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"slow":
            time.sleep(0.5)
        case b"endless":
            time.sleep(600)
        case b"broken":
            logged = [["ensemble_cam.some", 40, "what a log has\nTraceback"]]
            return {"failed": "It would not.", "remarks": [["A warning.", False]], "logged": logged}
    read = {"sha256": hashlib.sha256(data).hexdigest(), **KEY["greys"]}
    record = {**{name: KEY[name] for name in ("schema", "software", "settings", "classifiers")}, "case": case}
    (folder / "review.json").write_text(json.dumps({**record, "input": read}), encoding="utf-8")
    return {"findings": "Mass .9", "seconds": 0.1, "remarks": [["A detail.", True]], "logged": []}


def answer(request: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    if request == DESCRIBE:
        told: dict[str, Any] = {"key": KEY, "classifiers": ["one (its weights)"], "logged": []}
    else:
        head, _, data = request.partition(b"\n")
        asked = json.loads(head)
        told = review(data, Path(asked["folder"]), asked["case"])
    return b"told", [memoryview(json.dumps(told).encode())]


if __name__ == "__main__":
    serve(answer, first=lambda _: Allowance(60, 60, 2**30))
