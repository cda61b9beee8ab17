"""Logging in by OpenID Connect, in a browser, at a provider on loopback."""

import socket

import pytest

from ensemble_cam.readers.store import Store
from ensemble_cam.settings.config import default_config_path
from support import films
from support.apps import serving_app
from support.browsing import PATIENCE, chromium, expect, needs_chromium, settled, upload

pytest.importorskip("authlib", reason="Authlib is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

from support.provider import providing

pytestmark = needs_chromium

LOGIN = '\n[login]\nby = "oidc"\nreaders = ["anna@hospital.example"]\nteachers = ["tea@hospital.example"]\n'


def test_whoever_logs_in_reads_under_their_name_and_nobody_else_reads(tmp_path):
    config = tmp_path / "shared.toml"
    config.write_text(default_config_path().read_text() + LOGIN)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    told = {"ENSEMBLE_CAM_CONFIG": str(config), "ENSEMBLE_CAM_SESSION": str(tmp_path / "session")}
    with providing() as provider:
        secrets.write_text(provider.secrets(f"http://127.0.0.1:{port}"))
        with serving_app(tmp_path, port=port, **told) as server, chromium() as browser:
            page = browser.new_context().new_page()
            page.set_default_timeout(PATIENCE)

            def log_in(**claims):
                provider.claims = claims
                page.get_by_role("button", name="Log in").click()

            page.goto(server)
            expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=PATIENCE)
            expect(page.get_by_test_id("stFileUploaderDropzoneInput")).to_have_count(0)

            log_in(email="mallory@elsewhere.example", email_verified=True)
            expect(page.get_by_text("not among this app's readers")).to_be_visible(timeout=PATIENCE)
            page.get_by_role("button", name="Log out").click()
            log_in(email="anna@hospital.example", email_verified=False)
            expect(page.get_by_text("says no email that can be relied on")).to_be_visible(timeout=PATIENCE)
            page.get_by_role("button", name="Log out").click()

            log_in(email="tea@hospital.example", email_verified=True)
            expect(page.get_by_text("kept · tea@hospital.example")).to_be_visible(timeout=PATIENCE)
            expect(page.get_by_role("button", name="Log in")).to_have_count(0)
            settled(page)
            upload(page, ("film.png", films.png(films.film())))
            expect(page.locator('.films [aria-checked="true"] .name')).to_have_text("film.png", timeout=PATIENCE)
    with Store.open(tmp_path / "session") as store:  # of the other two nothing is kept
        assert [row["name"] for row in store.rows("SELECT name FROM readers")] == ["tea@hospital.example"]
