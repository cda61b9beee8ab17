"""Whether a run of the page is still wanted: what takes long between two of its looks at Streamlit is given up if not.

When something newer comes from the browser, Streamlit begins the next run at once, and ends the one before where that
next draws or looks into `st.session_state`.
"""

from collections.abc import Callable

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType


def overtaken() -> Callable[[], bool]:
    """Return what tells, in any thread, whether the run that asks here is to end: for a newer one, or with its page.

    Where Streamlit has changed so that it cannot be told, no run is.
    """
    requests = getattr(get_script_run_ctx(), "script_requests", None)
    return lambda: getattr(requests, "_state", None) is ScriptRequestType.STOP
