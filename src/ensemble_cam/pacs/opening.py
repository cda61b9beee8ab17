"""An archive by its address, of whichever kind; nothing is asked of it yet."""

from importlib.util import find_spec

from ensemble_cam.errors import ConfigError
from ensemble_cam.pacs.archive import Archive

DIMSE = "dicom://"


def archive_at(url: str) -> Archive:
    """Return the archive of an address, with what the environment or the keyring says that it is asked with.

    What is wrong with the address is said before anything is loaded that asks it.

    Raises:
        ConfigError: if it is no address, what is set does not go together, or an extra is missing.
    """
    if url.startswith(DIMSE):
        from ensemble_cam.pacs.access import Peer

        peer = Peer.of(url)
        if find_spec("pynetdicom") is None:
            raise ConfigError('--url: DIMSE needs pynetdicom. Install it with `pip install "ensemble-cam[dimse]"`.')
        from ensemble_cam.pacs.dimse import Dimse

        return Dimse(peer)
    from ensemble_cam.pacs.access import Access

    access = Access.of(url)
    from ensemble_cam.pacs.dicomweb import DicomWeb

    return DicomWeb(access)
