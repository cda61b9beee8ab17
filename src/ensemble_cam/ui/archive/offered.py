"""Whether the app has a page for an archive: where one is configured, and for whom."""

import os

from ensemble_cam.pacs.access import URL
from ensemble_cam.ui.session.person import login, person


def offers_archive() -> bool:
    """Return whether this page's reader gets the archive: of an app that a group shares, its teachers alone.

    The archive is asked as the app, whoever sits before it, and answers with all that it has.
    """
    if not os.environ.get(URL):
        return False
    if login() is None:
        return True
    here = person()
    return here is not None and here.teacher
