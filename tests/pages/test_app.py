"""The app as its readers meet it: a real server, driven in Chromium."""

import io
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from ensemble_cam.export import figure as figures
from support import films
from support.browsing import (
    PATIENCE,
    expect,
    film_views,
    maps,
    needs_chromium,
    panels,
    pick,
    pictures,
    reviewed,
    settled,
    sources,
    upload,
    use_still_pictures,
    views,
)

pytestmark = needs_chromium

SHARED_LABELS = ("Cardiomegaly", "Effusion")  # known to all three classifiers


@pytest.fixture
def server(clinical_server) -> str:
    return clinical_server


def dicom_film(**attributes) -> bytes:
    header = {"PatientName": films.IDENTITY[0], "PatientID": films.IDENTITY[1], **attributes}
    return films.dicom(films.film(480, 400, bits=12), **header)


def test_a_dicom_is_reviewed_the_threshold_moved_and_the_figure_downloaded(open_page):
    page = open_page()
    upload(page, ("secret_name.dcm", dicom_film()))
    reviewed(page)
    use_still_pictures(page)
    reviewed(page)
    page.get_by_text("Findings and method").click()
    page.get_by_text("By name").click()
    for count, label in enumerate(SHARED_LABELS, start=1):
        pick(page, "Which", label, seen=f". {label}")
        expect(panels(page)).to_have_count(count * 4, timeout=PATIENCE)
        reviewed(page)
    page.keyboard.press("Escape")
    expect(panels(page)).to_have_count(len(SHARED_LABELS) * 4, timeout=PATIENCE)
    reviewed(page)
    seconds = page.get_by_text("s for the networks and maps").inner_text()
    before = sources(page)

    slider = page.get_by_role("slider", name="Sensitivity threshold")
    slider.focus()
    for _ in range(2):
        slider.press("PageUp")
    expect(page.get_by_text("at or above 0.60").or_(page.get_by_text("Nothing at or above")).first).to_be_visible()
    expect(page.get_by_text("at or above 0.40")).to_have_count(0)
    settled(page)
    assert sources(page) != before
    assert page.get_by_text("s for the networks and maps").inner_text() == seconds  # no network ran again

    button = page.get_by_role("button", name="Figure (PNG")
    with page.expect_download() as download:
        button.click()
    figure = Image.open(download.value.path())
    assert figure.width == figures.WIDTH
    assert figure.text["Threshold"] == "0.6"
    assert figure.text["Findings"].split(", ") == sorted(SHARED_LABELS, key=figure.text["Findings"].find)
    assert "secret_name" not in download.value.suggested_filename
    with page.expect_download() as download:
        page.get_by_role("button", name="Overlays (ZIP)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert len(names) == 1 + len(SHARED_LABELS) * 4
        width, height = Image.open(io.BytesIO(archive.read(names[-1]))).size
        assert (width, height > 400) == (480, True)  # the film, and the words below it
        everything = b"".join(archive.read(name) for name in names)
    assert not any(identity.encode() in everything for identity in films.IDENTITY)
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner


def test_two_sessions_with_different_films_never_see_each_others(open_page):
    pages = [open_page(), open_page()]
    pixels = [films.film(400, 400, seed=1), films.film(400, 400, seed=2)[::-1, ::-1].copy()]
    for page, film, name in zip(pages, pixels, ("secret_name_a.png", "secret_name_b.png"), strict=True):
        upload(page, (name, films.png(film)))
    for page in pages:
        reviewed(page)
    shown = [views(page) for page in pages]
    assert [len(images) for images in shown] == [4, 4]
    assert not set(shown[0]) & set(shown[1])
    for page, own, other in zip(pages, pixels, pixels[::-1], strict=True):
        page.get_by_text("Read first").click()
        (image,) = film_views(page)
        panel = np.asarray(Image.open(io.BytesIO(image)).convert("L")).astype(float)
        side = min(panel.shape)  # the film stands in the middle of its panel, as high as that
        across = (panel.shape[1] - side) // 2
        film = cv2.resize(panel[:side, across : across + side], (400, 400), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(film.ravel(), own.ravel())[0, 1] > 0.98 > np.corrcoef(film.ravel(), other.ravel())[0, 1]
    assert "secret_name_b" not in pages[0].content()
    assert "secret_name_a" not in pages[1].content()


def test_a_broken_file_is_told_of_in_one_sentence_and_the_other_films_go_on(open_page):
    page = open_page()
    whole = films.png(films.film(400, 400, seed=3))
    upload(page, ("secret_name_cut.png", whole[: len(whole) // 2]), ("secret_name_whole.png", whole))
    expect(page.get_by_text("The PNG file is broken or ends too early")).to_be_visible(timeout=PATIENCE)
    assert page.locator(".viewer").count() == 0
    page.get_by_text("secret_name_whole.png").click()
    reviewed(page)
    expect(maps(page)).to_have_count(4)


def test_read_first_hides_scores_and_maps_until_they_are_asked_for(open_page):
    page = open_page()
    page.get_by_text("Read first").click()
    settled(page)
    upload(page, ("secret_name.png", films.png(films.film(400, 400, seed=4))))
    show = page.get_by_role("button", name="Show scores and maps")
    expect(show).to_be_visible()
    settled(page)
    assert len(film_views(page)) == 1
    expect(page.get_by_text("called").locator("visible=true")).to_have_count(0)
    told = page.locator(".viewer > :not(.side), .viewer .side > :not(.verdict)").all_text_contents()
    assert "pneumothorax" not in " ".join(told).lower()  # but among the findings that can be marked
    show.click()
    reviewed(page)
    expect(maps(page)).to_have_count(4)


def test_the_o_key_hides_every_overlay_and_shows_them_again(open_page):
    page = open_page()
    film = np.full((400, 400), 90, np.uint8)
    film[100:200, 150:250] = 240
    upload(page, ("secret_name.png", films.png(film)))
    reviewed(page)
    use_still_pictures(page)
    reviewed(page)

    def colourful() -> int:
        images = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in pictures(page)]
        return sum(bool(np.ptp(image, axis=2).max() > 40) for image in images)

    assert colourful() > 0
    page.get_by_text("Research and teaching use").first.click()
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Show overlays")).to_be_visible()
    settled(page)
    assert colourful() == 0
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Hide overlays")).to_be_visible()
    settled(page)
    assert colourful() > 0
    page.get_by_role("slider", name="Sensitivity threshold").focus()  # where Streamlit's own shortcut is deaf
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Show overlays")).to_be_visible(timeout=PATIENCE)
    settled(page)
    assert colourful() == 0


def test_a_removed_film_is_gone_from_the_page(open_page):
    page = open_page()
    upload(page, ("secret_name.png", films.png(films.film(400, 400, seed=5))))
    reviewed(page)
    assert len(views(page)) == 4
    page.get_by_role("button", name="Remove this film").click()
    expect(page.get_by_text("Open a chest radiograph")).to_be_visible(timeout=PATIENCE)
    settled(page)
    assert "secret_name" not in page.content()
    assert page.locator("canvas").count() == 0


def test_a_later_session_sees_its_place_in_the_queue_and_can_leave_it(open_page):
    first, second = open_page(), open_page()
    upload(first, ("secret_name_1.png", films.png(films.film(400, 400, seed=6))))
    reviewed(first)
    first.get_by_text("Findings and method").click()
    pick(first, "Method", "Score-CAM", seen=": maps")  # minutes of work
    upload(second, ("secret_name_2.png", films.png(films.film(400, 400, seed=7))))
    expect(second.get_by_text("Waiting for the processor: one review is before this one")).to_be_visible(
        timeout=PATIENCE
    )
    second.get_by_role("button", name="Cancel").click()
    first.get_by_role("button", name="Cancel").click()
    expect(second.get_by_text("The review was stopped")).to_be_visible(timeout=PATIENCE)
    expect(first.get_by_text("The review was stopped")).to_be_visible(timeout=PATIENCE)
    second.get_by_role("button", name="Review this film").click()
    reviewed(second)
