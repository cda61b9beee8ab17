"""An archive by DIMSE, for those without a web service: C-ECHO, C-FIND, C-GET or C-MOVE in, C-STORE out.

An association that ends before its last answer is an error and never "no studies": archives drop an AE title that they
do not know without a word. What comes is taken as the bytes that it is, and not parsed.

Source: DICOM PS3.4 annexes B (storage) and C (query and retrieve), PS3.7 9.1 (services), PS3.7 C (statuses).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from threading import Event
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, build_context, build_role, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made when it is imported
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from ensemble_cam.errors import PacsError
from ensemble_cam.film.intake import silence
from ensemble_cam.pacs.access import Peer
from ensemble_cam.pacs.archive import MOST_STUDIES, Instance, Patient, Study
from ensemble_cam.pacs.query import Query

CONNECT, ANSWER = 10.0, 60.0
"""Seconds until an association stands, and until an answer comes."""

_PENDING, _SUCCESS = (0xFF00, 0xFF01), 0x0000
_CANNOT_STORE = 0xA700
_CANNOT = "The archive does not do what it is asked for. Ask who runs it."


class Dimse:
    """An archive that speaks DIMSE.

    Args:
        peer: where it is, and what this program is called there.
    """

    def __init__(self, peer: Peer):
        self._peer = peer

    def echo(self) -> None:
        """Ask whether it answers to this program (C-ECHO).

        Raises:
            PacsError: if it does not.
        """
        with self._associated([build_context(Verification)]) as association:
            _checked(association.send_c_echo())

    def studies(self, query: Query) -> list[Study]:
        """Return the studies that match, at most a thousand.

        Raises:
            PacsError: if the archive cannot be asked, or does not answer to the end.
        """
        self.echo()
        filters = query.filters()
        told = "StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "PatientName", "PatientID"
        asked = _identifier("STUDY", **dict.fromkeys(told, ""))
        for keyword, value in filters.items():
            setattr(asked, keyword, value)
        asked.NumberOfStudyRelatedSeries = asked.NumberOfStudyRelatedInstances = None
        found = [_study(each) for each in self._find(asked, most=MOST_STUDIES)]
        modality = filters.get("ModalitiesInStudy")  # an optional key, which archives may leave out of account
        return [each for each in found if modality is None or not each.modalities or modality in each.modalities]

    def instances(self, study: str) -> list[Instance]:
        """Return the instances of a study.

        Raises:
            PacsError: as in `studies`.
        """
        asked = _identifier(
            "SERIES", StudyInstanceUID=study, SeriesInstanceUID="", BodyPartExamined="", SeriesDescription=""
        )
        found = []
        for series in self._find(asked):
            uid = _text(series, "SeriesInstanceUID")
            said = _text(series, "BodyPartExamined").strip().upper(), _text(series, "SeriesDescription")
            asked = _identifier(
                "IMAGE", StudyInstanceUID=study, SeriesInstanceUID=uid, SOPInstanceUID="", SOPClassUID=""
            )
            found += [
                Instance(study, uid, _text(each, "SOPInstanceUID"), _text(each, "SOPClassUID"), *said)
                for each in self._find(asked)
            ]
        return found

    def retrieve(self, instance: Instance, write: Callable[[bytes], object]) -> int:
        """Hand an instance's file over, in a transfer syntax that the archive has it in or makes of it.

        Raises:
            PacsError: if it does not come.
        """
        came: list[bytes] = []

        def take(event: Any) -> int:
            if event.request.AffectedSOPInstanceUID != instance.uid or came:
                return _CANNOT_STORE
            came.append(event.encoded_dataset())
            return _SUCCESS

        if self._peer.listen is None:
            self._get(instance, take)
        else:
            self._move(instance, take)
        if not came:
            raise PacsError("The archive says that it sent the object, and it did not come. Ask again.")
        write(came[0])
        return len(came[0])

    def store(self, data: bytes, study: str) -> str | None:
        """Store one file; that it is there has to be looked at afterwards.

        Returns:
            Why the archive says that it did not; None where it says that it did.

        Raises:
            PacsError: if it cannot be asked.
        """
        with silence():
            dataset = dcmread(BytesIO(data))
        context = build_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
        with self._associated([context]) as association, silence():
            status = _status(association.send_c_store(dataset))
        is_stored = status == _SUCCESS or status & 0xF000 == 0xB000  # with a warning: it was put right
        return None if is_stored else f"refused with status {status:04X}"

    def _get(self, instance: Instance, take: Callable[[Any], int]) -> None:
        contexts = [
            build_context(StudyRootQueryRetrieveInformationModelGet),
            *(build_context(instance.sop_class, syntax) for syntax in ALL_TRANSFER_SYNTAXES),
        ]
        roles = [build_role(instance.sop_class, scp_role=True)]
        handlers = [(evt.EVT_C_STORE, take)]
        with self._associated(contexts, roles=roles, handlers=handlers) as association:
            _ended(association.send_c_get(_place(instance), StudyRootQueryRetrieveInformationModelGet))

    def _move(self, instance: Instance, take: Callable[[Any], int]) -> None:
        listener = self._entity()
        for syntax in ALL_TRANSFER_SYNTAXES:
            listener.add_supported_context(instance.sop_class, syntax)
        listener.require_called_aet, listener.require_calling_aet = True, [self._peer.title]
        loopback = self._peer.host in ("127.0.0.1", "localhost")
        address = ("127.0.0.1" if loopback else "", self._peer.listen or 0)
        try:
            server = listener.start_server(address, block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
        except OSError as error:
            raise PacsError(
                f"Port {self._peer.listen}, which the archive sends films to, cannot be had ({error.strerror})."
            ) from None
        try:
            with self._associated([build_context(StudyRootQueryRetrieveInformationModelMove)]) as association:
                asked, model = _place(instance), StudyRootQueryRetrieveInformationModelMove
                _ended(association.send_c_move(asked, self._peer.own_title, model))
        finally:
            if server is not None:
                server.shutdown()

    def _find(self, asked: Dataset, *, most: int | None = None) -> list[Dataset]:
        with self._associated([build_context(StudyRootQueryRetrieveInformationModelFind)]) as association, silence():
            answers = association.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind)
            return _ended(answers, most=most)

    def _entity(self) -> AE:
        entity = AE(ae_title=self._peer.own_title)
        entity.acse_timeout = entity.connection_timeout = CONNECT
        entity.dimse_timeout = entity.network_timeout = ANSWER
        return entity

    @contextmanager
    def _associated(
        self, contexts: Sequence[Any], *, roles: Sequence[Any] = (), handlers: Sequence[Any] = ()
    ) -> Iterator[Any]:
        """Associate, and release in the end; nothing of it is logged, as what is asked for names patients."""
        logger = logging.getLogger("pynetdicom")
        level, peer, refused = logger.level, self._peer, Event()

        def note(event: Any) -> None:
            if isinstance(event.pdu, A_ASSOCIATE_RJ):
                refused.set()  # where this thread wakes late, the association itself says that it was never connected

        logger.setLevel(logging.CRITICAL + 1)
        try:
            association = self._entity().associate(
                peer.host,
                peer.port,
                list(contexts),
                peer.title,
                ext_neg=list(roles),
                evt_handlers=[*handlers, (evt.EVT_PDU_RECV, note)],
            )
            if not association.is_established:
                raise PacsError(_why(association, peer, refused=refused.is_set()))
            try:
                yield association
            except ValueError:  # a service or an object's class that it did not agree to
                raise PacsError(_CANNOT) from None
            finally:
                if association.is_established:
                    association.release()
        finally:
            logger.setLevel(level)


def _why(association: Any, peer: Peer, *, refused: bool) -> str:
    if refused:
        return (
            f"The archive refuses the association: it does not know {peer.own_title}, or is not {peer.title}. "
            "Ask who runs it to add this program's AE title."
        )
    if association.rejected_contexts:
        return _CANNOT
    if association.is_aborted and association.acceptor.primitive is not None:
        return "The archive broke the association off. Ask who runs it."
    return "The archive cannot be reached. Check its address, and whether it runs."


def _identifier(level: str, **keys: str) -> Dataset:
    asked = Dataset()
    asked.SpecificCharacterSet = "ISO_IR 192"
    asked.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


def _place(instance: Instance) -> Dataset:
    return _identifier(
        "IMAGE", StudyInstanceUID=instance.study, SeriesInstanceUID=instance.series, SOPInstanceUID=instance.uid
    )


def _status(answer: Dataset) -> int:
    """Return an answer's status.

    Raises:
        PacsError: if there is none, as the association ended or nothing came in time.
    """
    if "Status" not in answer:
        raise PacsError(
            "The association ended before the archive had answered. It may not know this program's AE title: "
            "ask who runs it."
        )
    return int(answer.Status)


def _checked(answer: Dataset) -> None:
    if (status := _status(answer)) != _SUCCESS:
        raise PacsError(f"The archive answered with status {status:04X}. Ask who runs it.")


def _ended(answers: Iterator[tuple[Dataset, Dataset | None]], *, most: int | None = None) -> list[Dataset]:
    """Return what came with the answers, the last of which has to say that all of it did."""
    found: list[Dataset] = []
    status = None
    for answer, identifier in answers:
        status = _status(answer)
        if status in _PENDING and identifier is not None:
            found.append(identifier)
            if most is not None and len(found) == most:
                return found
        elif status not in _PENDING:
            _checked(answer)
    if status is None or status in _PENDING:
        _status(Dataset())
    return found


def _text(found: Dataset, keyword: str) -> str:
    # PS3.5 annex K: ESC $ ) A announces Chinese (ISO 2022 IR 58), which pydicom 3.0 decodes and leaves in the text.
    return str(found.get(keyword) or "").replace("\x1b$)A", "")


def _study(found: Dataset) -> Study:
    modalities = found.get("ModalitiesInStudy") or ()
    counts = (found.get(f"NumberOfStudyRelated{what}") for what in ("Series", "Instances"))
    series, instances = (None if count in (None, "") else int(count) for count in counts)
    return Study(
        _text(found, "StudyInstanceUID"),
        _text(found, "StudyDate"),
        (modalities,) if isinstance(modalities, str) else tuple(map(str, modalities)),
        series,
        instances,
        Patient(_text(found, "PatientName"), _text(found, "PatientID")),
    )
