"""Which attributes of a film's header its objects carry, or refer to it by; no other one is ever looked at.

Those of patient and study are copied as the bytes that they are, whatever their character set. Source: DICOM PS3.3
C.7.1.1 (Patient), C.7.2.1 (General Study), C.7.2.2 (Patient Study), C.7.1.3 and C.7.2.3 (Clinical Trial Subject and
Study), C.12.1 (SOP Common).
"""

from collections.abc import Mapping

CHARACTER_SET = "SpecificCharacterSet"

PATIENT: Mapping[str, tuple[int, str]] = {
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "IssuerOfPatientID": (0x00100021, "LO"),
    "TypeOfPatientID": (0x00100022, "CS"),
    "PatientBirthDate": (0x00100030, "DA"),
    "PatientBirthTime": (0x00100032, "TM"),
    "PatientSex": (0x00100040, "CS"),
    "OtherPatientNames": (0x00101001, "PN"),
    "EthnicGroup": (0x00102160, "SH"),
    "PatientComments": (0x00104000, "LT"),
    "PatientIdentityRemoved": (0x00120062, "CS"),
    "DeidentificationMethod": (0x00120063, "LO"),
    "ClinicalTrialSponsorName": (0x00120010, "LO"),
    "ClinicalTrialProtocolID": (0x00120020, "LO"),
    "ClinicalTrialProtocolName": (0x00120021, "LO"),
    "ClinicalTrialSiteID": (0x00120030, "LO"),
    "ClinicalTrialSiteName": (0x00120031, "LO"),
    "ClinicalTrialSubjectID": (0x00120040, "LO"),
    "ClinicalTrialSubjectReadingID": (0x00120042, "LO"),
}
STUDY: Mapping[str, tuple[int, str]] = {
    "StudyInstanceUID": (0x0020000D, "UI"),
    "StudyDate": (0x00080020, "DA"),
    "StudyTime": (0x00080030, "TM"),
    "AccessionNumber": (0x00080050, "SH"),
    "ReferringPhysicianName": (0x00080090, "PN"),
    "StudyID": (0x00200010, "SH"),
    "StudyDescription": (0x00081030, "LO"),
    "PhysiciansOfRecord": (0x00081048, "PN"),
    "NameOfPhysiciansReadingStudy": (0x00081060, "PN"),
    "AdmittingDiagnosesDescription": (0x00081080, "LO"),
    "PatientAge": (0x00101010, "AS"),
    "PatientSize": (0x00101020, "DS"),
    "PatientWeight": (0x00101030, "DS"),
    "Occupation": (0x00102180, "SH"),
    "AdditionalPatientHistory": (0x001021B0, "LT"),
    "AdmissionID": (0x00380010, "LO"),
    "ClinicalTrialTimePointID": (0x00120050, "LO"),
    "ClinicalTrialTimePointDescription": (0x00120051, "ST"),
}
PATIENT_SEQUENCES: Mapping[str, tuple[int, str]] = {
    "IssuerOfPatientIDQualifiersSequence": (0x00100024, "SQ"),
    "OtherPatientIDsSequence": (0x00101002, "SQ"),
    "EthnicGroupCodeSequence": (0x00102161, "SQ"),
    "PatientSpeciesCodeSequence": (0x00102202, "SQ"),
    "DeidentificationMethodCodeSequence": (0x00120064, "SQ"),
}
STUDY_SEQUENCES: Mapping[str, tuple[int, str]] = {
    "IssuerOfAccessionNumberSequence": (0x00080051, "SQ"),
    "ReferringPhysicianIdentificationSequence": (0x00080096, "SQ"),
    "ConsultingPhysicianIdentificationSequence": (0x0008009D, "SQ"),
    "ProcedureCodeSequence": (0x00081032, "SQ"),
    "PhysiciansOfRecordIdentificationSequence": (0x00081049, "SQ"),
    "PhysiciansReadingStudyIdentificationSequence": (0x00081062, "SQ"),
    "RequestingServiceCodeSequence": (0x00321034, "SQ"),
    "ReasonForPerformedProcedureCodeSequence": (0x00401012, "SQ"),
    "AdmittingDiagnosesCodeSequence": (0x00081084, "SQ"),
    "PatientSizeCodeSequence": (0x00101021, "SQ"),
    "IssuerOfAdmissionIDSequence": (0x00380014, "SQ"),
}
SEQUENCES: Mapping[str, tuple[int, str]] = {**PATIENT_SEQUENCES, **STUDY_SEQUENCES}
"""Of the same modules, copied item by item; see `sequences`."""

COMMON: Mapping[str, tuple[int, str]] = {
    CHARACTER_SET: (0x00080005, "CS"),
    "TimezoneOffsetFromUTC": (0x00080201, "SH"),
}
REFERENCE: Mapping[str, tuple[int, str]] = {
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "Modality": (0x00080060, "CS"),
    "BodyPartExamined": (0x00180015, "CS"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "PatientOrientation": (0x00200020, "CS"),
    "Laterality": (0x00200060, "CS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "WindowCenter": (0x00281050, "DS"),
    "WindowWidth": (0x00281051, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "VOILUTFunction": (0x00281056, "CS"),
    "LossyImageCompression": (0x00282110, "CS"),
    "LossyImageCompressionRatio": (0x00282112, "DS"),
    "LossyImageCompressionMethod": (0x00282114, "CS"),
    "ModalityLUTSequence": (0x00283000, "SQ"),
    "VOILUTSequence": (0x00283010, "SQ"),
    "PresentationLUTShape": (0x20500020, "CS"),
}

READ: Mapping[str, tuple[int, str]] = {**PATIENT, **STUDY, **SEQUENCES, **COMMON, **REFERENCE}
"""Keyword → tag, and the VR by PS3.6."""

COPIED: Mapping[str, tuple[int, str]] = {
    **PATIENT,
    **STUDY,
    **SEQUENCES,
    CHARACTER_SET: COMMON[CHARACTER_SET],
}
"""What is copied onto every object, as it stands in the film."""

REQUIRED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
)
"""Type 2: every object has these, empty where the film has none."""
