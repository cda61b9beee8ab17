"""Streamlit's server with the networks on their way in at once: `python -m ensemble_cam.ui.serve run app.py`.

`streamlit run app.py` serves the same app and begins to import what they need when the first page is opened. This
module must not import the pages: components register with a server that is running.
"""

import signal
import sys
from types import FrameType

from ensemble_cam.machine.threads import multiply_in_one_thread, wait_briefly
from ensemble_cam.ui.start import START
from ensemble_cam.ui.warm_up import warm_up


def main() -> None:
    """Run Streamlit with its own command line."""
    START.begin()
    multiply_in_one_thread()
    wait_briefly()
    from streamlit.web import cli  # here, as it takes a second, and at the first start several

    from ensemble_cam.ui.web.patches import patch_streamlit

    warm_up()
    patch_streamlit()
    # uvicorn stops in order, then raises the signal again, of which Streamlit's command line would say "Aborted!".
    signal.signal(signal.SIGINT, _end)
    cli.main(sys.argv[1:], prog_name="streamlit")


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
