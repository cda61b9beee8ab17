"""Keeping what the server has answered to a browser's own question, when a run of the page begins in the same moment.

A run that begins drops what the run before had still to send. Streamlit 1.67 drops its answers along with that: where
an uploaded film goes, and where a download lies. The browser waits for them without end, and the reader for the film.
"""

from functools import cache

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_ANSWERS = {"file_urls_response", "backend_operation_response"}


@cache
def keep_answers() -> None:
    """Let no answer be dropped any more in this process; where Streamlit keeps them by itself, that changes nothing."""
    clear = ForwardMsgQueue.clear

    def clear_but_for_answers(
        queue: ForwardMsgQueue,
        retain_lifecycle_msgs: bool = False,
        fragment_ids_this_run: list[str] | None = None,
    ) -> None:
        waiting = [each for each in queue._queue if each.WhichOneof("type") in _ANSWERS]
        clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs:  # and not where they were handed on
            queue._queue += [each for each in waiting if not any(each is kept for kept in queue._queue)]

    if hasattr(ForwardMsgQueue(), "_queue"):
        ForwardMsgQueue.clear = clear_but_for_answers  # type: ignore[assignment, method-assign]
