"""The processor's queue under a test's hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from ensemble_cam.ui.session.jobs import PROCESSOR, Job

PATIENCE = 120


@contextmanager
def busy() -> Iterator[Event]:
    """The processor's queue, held up until the block ends."""
    begun, release = Event(), Event()

    def occupy(job: Job) -> None:
        begun.set()
        assert release.wait(PATIENCE)

    occupying = PROCESSOR.submit(occupy)
    try:
        assert begun.wait(PATIENCE)
        yield release
    finally:
        release.set()
        assert occupying.wait(PATIENCE)
