"""In doubt which film is to be shown the stage is black, and says so."""

import dataclasses

import pytest

from support.browsing import expect, needs_chromium
from support.payloads import sent
from support.reviews import dotted, made_review
from support.viewing import blank_page, show

pytestmark = needs_chromium

EXPECT = "film => window[Symbol.for('ensemble-cam stage')].expect(film)"


@pytest.fixture(scope="module")
def payload():
    """What is sent of a session's first film."""
    return sent(made_review(dotted(200, 160, 90, 60)))


@pytest.fixture
def page(browser):
    with blank_page(browser) as opened:
        yield opened


def told(payload, number: int) -> dict[str, object]:
    return {"number": number, "sha256": payload.header["film"]["sha256"], "name": f"film_{number}.png"}


def test_the_stage_is_black_while_the_server_has_another_film_there_and_says_which(page, payload):
    viewer = show(page, payload)
    expect(viewer.canvas("ensemble")).to_be_visible()
    page.evaluate(EXPECT, told(payload, 2))
    expect(viewer.canvas("ensemble")).to_be_hidden()
    expect(viewer.one(".findings")).to_be_hidden()
    expect(viewer.one(".message")).to_have_text("film_2.png is on its way.")
    page.evaluate(EXPECT, told(payload, 1))
    expect(viewer.canvas("ensemble")).to_be_visible()
    expect(viewer.one(".message")).to_have_text("")


def test_the_film_that_was_waited_for_takes_the_black_away(page, payload):
    viewer = show(page, payload)
    page.evaluate(EXPECT, told(payload, 2))
    expect(viewer.canvas("ensemble")).to_be_hidden()
    another = sent(made_review(dotted(180, 170, 40, 50)))
    another = dataclasses.replace(another, header={**another.header, "number": 2})
    page.evaluate(EXPECT, told(another, 2))
    show(page, another)
    expect(viewer.canvas("ensemble")).to_be_visible()
    expect(viewer.one(".message")).to_have_text("")


def test_maps_that_bear_another_films_hash_are_not_shown(page, payload):
    viewer = show(page, payload)
    other = sent(made_review(dotted(180, 170, 40, 50)))
    header = {**other.header, "maps_of": payload.header["film"]["sha256"]}
    show(page, dataclasses.replace(other, header=header), again=True)
    expect(viewer.one(".message")).to_contain_text("cannot run")  # and the page falls back to pictures of the server's
    assert page.evaluate("window.told.some(([name, text]) => name === 'failed' && text.includes('another film'))")
