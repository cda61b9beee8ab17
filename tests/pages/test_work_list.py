"""What a teacher puts on the work list comes to a reader who sits there, and not under their eyes."""

import pytest

from ensemble_cam.settings.config import default_config_path
from support import films
from support.apps import NO_WAY_OUT, serving_app
from support.browsing import PATIENCE, expect, film_views, needs_chromium, pages_of, settled, upload

pytestmark = needs_chromium

LOGIN = '\n[login]\nby = "proxy"\nproxy = ["127.0.0.1"]\nteachers = ["tea"]\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    config = folder / "shared.toml"
    config.write_text(default_config_path().read_text() + LOGIN)
    given = {"ENSEMBLE_CAM_CONFIG": str(config), "ENSEMBLE_CAM_SESSION": str(folder / "session"), **NO_WAY_OUT}
    with serving_app(folder, **given) as address:
        yield address


def test_a_film_of_the_work_list_comes_to_who_sits_there_and_stays_off_their_stage(browser, server):
    with pages_of(browser, server) as open_one:

        def opened_by(name: str):
            return open_one(lambda page: page.set_extra_http_headers({"X-Remote-User": name}))

        anna, teacher = opened_by("anna"), opened_by("tea")
        names, marked = anna.locator(".films .name"), anna.locator('.films [aria-checked="true"] .name')
        upload(anna, ("own.png", films.png(films.film(seed=1))))
        expect(marked).to_have_text("own.png", timeout=PATIENCE)
        upload(teacher, ("shared.png", films.png(films.film(seed=2))))
        settled(teacher)
        settled(anna)
        listed, seen = names.all_inner_texts(), film_views(anna)
        teacher.get_by_role("button", name="on the work list").click()
        expect(names).to_have_count(len(listed) + 1, timeout=PATIENCE)
        assert names.all_inner_texts()[:-1] == listed
        expect(anna.locator(".films .state").last).to_contain_text("not reviewed yet", timeout=PATIENCE)
        expect(anna.locator(".films img.picture")).to_have_count(len(listed) + 1)
        expect(anna.locator("p.progress")).to_have_text("0/2", timeout=PATIENCE)  # the one that came among them
        assert marked.inner_text() == "own.png"
        assert film_views(anna) == seen
        names.last.click()
        expect(marked).to_have_text(names.last.inner_text(), timeout=PATIENCE)
        assert film_views(anna) != seen
