"""What an archive is asked for. A query that would match everything is refused before it is sent.

Archives answer a keyword that they do not know, and an empty value, with every study they have.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ensemble_cam.errors import ConfigError, did_you_mean

KEYS: Mapping[str, str] = {
    "patient-id": "PatientID",
    "date": "StudyDate",
    "accession": "AccessionNumber",
    "modality": "ModalitiesInStudy",
    "study": "StudyInstanceUID",
}
"""What is asked by → DICOM keyword."""

TODAY = "today"
"""A study date that is the day on which the archive is asked."""

_DAY = r"(?:\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
_DATE = re.compile(rf"{_DAY}|{_DAY}-{_DAY}|{_DAY}-|-{_DAY}", re.ASCII)
_MODALITY = re.compile(r"[A-Z]{2,16}", re.ASCII)
_UID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_MOST = 64


@dataclass(frozen=True, repr=False)
class Query:
    """What studies are looked for by; it says of itself by what, and never whom.

    Attributes:
        given: key of `KEYS` → value.
    """

    given: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, str | None]) -> "Query":
        """Check what is asked for.

        Args:
            given: key of `KEYS` → value; None for what is not asked by.

        Raises:
            ConfigError: if it would match every study, or a value is none of its kind. What was given is not quoted.
        """
        asked = {key: value for key, value in given.items() if value is not None}
        for key, value in asked.items():
            _check(key, value)
        if not asked:
            raise ConfigError(
                f"The query is empty, and an archive answers that with every study. Ask by one of {_options()}."
            )
        return cls(asked)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Query":
        """Check a query of texts such as "modality=CR".

        Raises:
            ConfigError: as in `of`, and if a text is none such or its key is none.
        """
        given: dict[str, str | None] = {}
        names = {**{key: key for key in KEYS}, **{keyword: key for key, keyword in KEYS.items()}}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or name not in names:
                meant = did_you_mean(name, names)
                raise ConfigError(f"--query: allowed: KEY=VALUE, where KEY is one of {', '.join(KEYS)}.{meant}")
            given[names[name]] = value
        return cls.of(given)

    def since(self, began: date, today: date | None = None) -> "Query":
        """Return what a watch asks that began on some day: later, `TODAY` has the day before in it.

        What was taken shortly before midnight comes after it.
        """
        now = today or date.today()
        if self.given.get("date") != TODAY or now <= began:
            return self
        return Query({**self.given, "date": f"{now - timedelta(days=1):%Y%m%d}-{now:%Y%m%d}"})

    def filters(self, today: date | None = None) -> dict[str, str]:
        """Return DICOM keyword → value."""
        day = (today or date.today()).strftime("%Y%m%d")
        return {KEYS[key]: day if key == "date" and value == TODAY else value for key, value in self.given.items()}

    def __repr__(self) -> str:
        return f"Query(by {', '.join(self.given)})"


def _options() -> str:
    return ", ".join(f"--{key}" for key in KEYS if key != "study")


def _check(key: str, value: str) -> None:
    if not value.strip(" *?") or len(value) > _MOST or not value.isprintable() or "\\" in value:
        raise ConfigError(
            f"{key}: it is empty, stands for everything, or is longer than a value may be. Say which studies are meant."
        )
    if key == "date" and value != TODAY and not _DATE.fullmatch(value):
        raise ConfigError("date: allowed: YYYYMMDD, YYYYMMDD-YYYYMMDD, YYYYMMDD-, -YYYYMMDD or today.")
    if key == "modality" and not _MODALITY.fullmatch(value):
        raise ConfigError("modality: allowed: a code in capitals such as CR or DX.")
    if key == "study" and not _UID.fullmatch(value):
        raise ConfigError("study: allowed: a Study Instance UID, digits with dots between.")


def is_uid(value: str) -> bool:
    """Whether a text is a UID."""
    return len(value) <= _MOST and _UID.fullmatch(value) is not None


def checked_uid(value: str, *, of: str) -> str:
    """Return a UID.

    Raises:
        ConfigError: if it is none.
    """
    if not is_uid(value):
        raise ConfigError(f"{of}: allowed: a UID, digits with dots between.")
    return value
