"""Who sits before a list of films, and is told when a teacher has put something on the work list."""

from functools import partial
from threading import Lock

from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.wake import Wake, here


class Sitting:
    """The pages of this server that show a list of films. Those of another one look at their next run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wakes: dict[str, Wake] = {}  # by session

    def wait(self) -> Wake | None:
        """Let the fragment that asks run again once there is something to tell.

        Returns:
            By what it runs again; None where Streamlit has no way for that.
        """
        wake = here()
        if wake is not None:
            with self._lock:
                self._wakes[wake.session] = wake
            when_closed("sitting", partial(self._leave, wake.session))
        return wake

    def tell(self) -> None:
        """Let all of them look, once."""
        with self._lock:
            wakes, self._wakes = self._wakes, {}
        for wake in wakes.values():
            wake.now()

    def _leave(self, session: str) -> None:
        with self._lock:
            self._wakes.pop(session, None)


SITTING = Sitting()  # of all sessions
