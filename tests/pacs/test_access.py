"""Archives are reached by secrets of the environment or the keyring, never in the open, and asked for something."""

from datetime import date

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.pacs import access
from ensemble_cam.pacs.access import Access
from ensemble_cam.pacs.query import Query

HTTPS, HERE = "https://pacs.example/dicom-web", "http://127.0.0.1:8042/dicom-web"


@pytest.fixture
def kept(monkeypatch) -> dict[tuple[str, str], str]:
    """A keyring of the test's own."""
    secrets: dict[tuple[str, str], str] = {}
    import keyring

    monkeypatch.setattr(keyring, "get_password", lambda service, name: secrets.get((service, name)))
    return secrets


@pytest.mark.usefixtures("kept")
def test_secrets_come_from_the_environment_and_are_in_no_text():
    token = Access.of(f"{HTTPS}/", {access.TOKEN: "ZZTOKEN"})
    basic = Access.of(HTTPS, {access.USER: "ZZUSER", access.PASSWORD: "ZZWORD"})

    assert (token.url, token.token, basic.user, basic.password) == (HTTPS, "ZZTOKEN", "ZZUSER", "ZZWORD")
    assert "ZZ" not in f"{token!r}{basic!r}"


def test_secrets_come_from_the_keyring_by_the_archives_address(kept):
    kept["ensemble-cam", HTTPS] = "ZZTOKEN"
    kept["ensemble-cam", f"anna@{HTTPS}"] = "ZZWORD"

    assert Access.of(HTTPS, {}).token == "ZZTOKEN"
    assert Access.of(HTTPS, {access.USER: "anna"}).password == "ZZWORD"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("url", "environment", "words"),
    [
        ("https://ZZUSER:ZZWORD@pacs.example/dicom-web", {}, "a password stands in the address"),
        ("http://pacs.example/dicom-web", {access.TOKEN: "ZZTOKEN"}, "unencrypted"),
        ("ftp://pacs.example", {}, "no address of a DICOMweb service"),
        ("https://pacs.example/studies?PatientID=ZZ", {}, "no address of a DICOMweb service"),
        ("https://pacs.example:99999/", {}, "no address"),
        (HTTPS, {access.TOKEN: "ZZTOKEN", access.USER: "ZZUSER"}, "both set"),
        (HTTPS, {access.USER: "ZZUSER"}, "there is no password"),
        (HTTPS, {access.AUTHORITY: "/nowhere/ZZ"}, "no such file"),
    ],
)
def test_what_would_leak_or_cannot_be_is_refused_without_quoting_it(url, environment, words):
    with pytest.raises(ConfigError, match=words) as refused:
        Access.of(url, environment)
    assert "ZZ" not in str(refused.value)


@pytest.mark.usefixtures("kept")
def test_a_token_may_go_unencrypted_within_this_machine():
    assert Access.of(HERE, {access.TOKEN: "ZZTOKEN"}).token == "ZZTOKEN"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"patient-id": None},
        {"patient-id": ""},
        {"patient-id": " "},
        {"patient-id": "*"},
        {"accession": "**?"},
        {"patient-id": "ZZ\\ZZ"},
        {"patient-id": "ZZ" * 40},
        {"date": "ZZ"},
        {"date": "20261301"},
        {"date": "-"},
        {"modality": "ZZ*"},
        {"study": "1.2.ZZ"},
    ],
)
def test_a_query_that_would_match_everything_or_is_none_is_refused_without_quoting_it(given):
    with pytest.raises(ConfigError) as refused:
        Query.of(given)
    assert "ZZ" not in str(refused.value)


@pytest.mark.parametrize("text", ["patientid=1", "PatientsID=1", "modality", "=CR", "colour=red", "date="])
def test_a_misspelt_query_is_refused(text):
    with pytest.raises(ConfigError):
        Query.of_texts([text])


def test_a_misspelt_key_is_told_what_was_meant():
    with pytest.raises(ConfigError, match='Did you mean "modality"'):
        Query.of_texts(["modalty=CR"])


def test_a_query_is_asked_by_dicoms_keywords():
    query = Query.of_texts(["modality=CR", "StudyDate=today"])

    assert query.filters(date(2026, 3, 4)) == {"ModalitiesInStudy": "CR", "StudyDate": "20260304"}
    assert repr(Query.of({"patient-id": "ZZ"})) == "Query(by patient-id)"


def test_a_watch_of_today_looks_at_the_day_before_from_its_second_day_on():
    began, next_day = date(2026, 2, 28), date(2026, 3, 1)
    query = Query.of({"modality": "CR", "date": "today"})
    assert query.since(began, began).filters(began)["StudyDate"] == "20260228"
    assert query.since(began, next_day).filters(next_day) == {
        "ModalitiesInStudy": "CR",
        "StudyDate": "20260228-20260301",
    }
    named = Query.of({"date": "20260101"})
    assert named.since(began, next_day) is named
