"""What a login by OpenID Connect needs, found out before the app answers anybody."""

import pytest
from streamlit import auth_util
from streamlit.runtime.secrets import AttrDict

from ensemble_cam.errors import ConfigError
from ensemble_cam.ui.web.hosts import ServedNames
from ensemble_cam.ui.web.oidc import check_provider

pytest.importorskip("authlib", reason="Authlib is not installed")

NAMES = ServedNames(frozenset({"127.0.0.1", "localhost"}), frozenset({"reading.example"}))
WHOLE = {
    "redirect_uri": "https://reading.example/films/oauth2callback",
    "cookie_secret": "c" * 32,
    "client_id": "a",
    "client_secret": "b",
    "server_metadata_url": "https://login.example/.well-known/openid-configuration",
}


@pytest.fixture
def secrets(monkeypatch):
    """A function that says what Streamlit's secrets hold."""

    class Held(dict):
        def load_if_toml_exists(self) -> bool:
            return bool(self)

    held = Held()
    monkeypatch.setattr(auth_util, "secrets_singleton", held)
    return lambda auth: held.update({"auth": AttrDict(auth)})


@pytest.mark.parametrize("back", [WHOLE["redirect_uri"], "http://localhost:8501/oauth2callback"])
def test_a_whole_section_is_taken(secrets, back):
    secrets(WHOLE | {"redirect_uri": back})
    check_provider(NAMES)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"redirect_uri": "https://evil.example/oauth2callback"}, r"redirect_uri: allowed: the app's own address"),
        ({"redirect_uri": "https://reading.example/elsewhere"}, r"redirect_uri: allowed: .+/oauth2callback"),
        ({"redirect_uri": "http://reading.example/oauth2callback"}, r"redirect_uri: got http; allowed: https"),
        ({"cookie_secret": "short"}, r"cookie_secret: allowed: 32 random characters or more"),
        ({"client_secret": None}, r"\[login\] by: .+missing.+client_secret"),
        ({"redirect_uri": None}, r'\[login\] by: .+missing the "redirect_uri" key'),
    ],
)
def test_what_could_not_work_or_would_be_heard_is_refused(secrets, change, refused):
    secrets({key: value for key, value in (WHOLE | change).items() if value is not None})
    with pytest.raises(ConfigError, match=refused):
        check_provider(NAMES)


def test_without_secrets_and_without_the_package_it_says_so(secrets, monkeypatch):
    with pytest.raises(ConfigError, match=r"\[login\] by: .+secrets\.toml"):
        check_provider(NAMES)
    monkeypatch.setattr(auth_util, "is_authlib_installed", lambda: False)
    with pytest.raises(ConfigError, match=r'pip install "ensemble-cam\[oidc\]"'):
        check_provider(NAMES)
