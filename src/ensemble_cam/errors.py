"""The exceptions a caller can meet.

Every message is one plain sentence or two: the fact, then the remedy. No message carries anything that a film's header
says of a patient, and none carries a file's name: whoever knows the name (the command line, the app) puts it in front.
"""


class EnsembleCamError(Exception):
    """Base of all errors that this package raises on purpose; `str(error)` is fit to be shown to a reader."""


class ConfigError(EnsembleCamError):
    """The configuration, or a setting given on the command line or in the app, is not usable."""


class GeometryError(EnsembleCamError):
    """Points, boxes or maps do not fit the geometry they were given to."""


class RadiographError(EnsembleCamError):
    """A file is not a film that can be reviewed."""


class WeightsError(EnsembleCamError):
    """A weights file is broken, is not the one that was promised, or would run code."""


class WeightsMissing(WeightsError):
    """A weights file is not on this machine."""


class DownloadError(WeightsError):
    """A weights file could not be fetched."""


class ClassifierError(EnsembleCamError):
    """A classifier could not be built or could not be run on this film."""


class ExportError(EnsembleCamError):
    """A result could not be written."""


class Cancelled(EnsembleCamError):
    """The reader stopped the work."""
