"""OpenID Connect by Streamlit's own login: whether all is there that it needs, found out before anybody is asked."""

from urllib.parse import urlsplit

from streamlit import auth_util
from streamlit.errors import StreamlitAuthError

from ensemble_cam.errors import ConfigError
from ensemble_cam.ui.web.hosts import ServedNames, is_loopback, name_of

_CALLBACK = "/oauth2callback"
_LEAST = 32  # characters of the secret that signs cookies


def check_provider(names: ServedNames) -> None:
    """Refuse a login by OpenID Connect that could not work, or would tell names and tokens to the network.

    Args:
        names: those that the app answers to.

    Raises:
        ConfigError: if a package or a key of `[auth]` in Streamlit's secrets is missing, or one is not allowed.
    """
    if not auth_util.is_authlib_installed():
        raise ConfigError('[login] by: "oidc" needs the package Authlib: pip install "ensemble-cam[oidc]".')
    try:
        auth_util.validate_auth_credentials("default")
    except StreamlitAuthError as error:
        raise ConfigError(f"[login] by: {' '.join(str(error).split())}") from None
    back = urlsplit(auth_util.get_redirect_uri(auth_util.get_secrets_auth_section()) or "")
    where = "secrets.toml, [auth]"
    if name_of(back.netloc) not in names.all or not back.path.endswith(_CALLBACK):
        raise ConfigError(
            f"{where} redirect_uri: allowed: the app's own address with {_CALLBACK} behind it. Start the app with "
            "--allow-host and that address's name."
        )
    if back.scheme != "https" and not is_loopback(back.hostname or ""):
        raise ConfigError(f"{where} redirect_uri: got http; allowed: https, but for an address of this machine.")
    if len(auth_util.get_signing_secret()) < _LEAST:
        raise ConfigError(
            f"{where} cookie_secret: allowed: {_LEAST} random characters or more, as `openssl rand -hex 32` prints."
        )
