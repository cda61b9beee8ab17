"""The app's server for `benchmark.viewer`, which notes when a review's work ends: at that moment its maps are there.

    python -m ensemble_cam.benchmark.viewer_server NOTES run app.py ...

The app itself is the one that readers have. Each piece of work adds a line to the file NOTES: seconds since 1970. It
begins `HOLD` seconds late, so that the page shows the film alone before, as it does while the clinical networks work.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ensemble_cam.ui import serve
from ensemble_cam.ui.session.jobs import PROCESSOR, Job, JobQueue

HOLD = 2.0

T = TypeVar("T")


def note_ends(queue: JobQueue, notes: Path) -> None:
    """Let every work that a queue is given from now on begin late and note its end."""
    submit = queue.submit

    def submit_noted(
        work: Callable[[Job[T]], T], *, wanted: Callable[[], bool] = lambda: True, gives_way: bool = False
    ) -> Job[T]:
        def noted(job: Job[T]) -> T:
            time.sleep(HOLD)
            try:
                return work(job)
            finally:
                with notes.open("a") as file:
                    file.write(f"{time.time():.4f}\n")

        return submit(noted, wanted=wanted, gives_way=gives_way)

    queue.submit = submit_noted  # type: ignore[method-assign]  # that is the point


if __name__ == "__main__":
    note_ends(PROCESSOR, Path(sys.argv.pop(1)))
    serve.main()
