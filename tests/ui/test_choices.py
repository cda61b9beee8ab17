"""A choice that the server may change, too: what comes back of an older page does not undo that."""

import pytest
from streamlit.testing.v1 import AppTest


def script():
    import streamlit as st

    from ensemble_cam.ui.session import choices

    chosen = choices.chosen("colour", "red")
    st.segmented_control(
        "Colour",
        ["red", "green", "blue"],
        default=choices.start("colour", chosen),
        required=True,
        **choices.bound("colour"),
    )
    st.button("Blue", on_click=choices.put, args=("colour", "blue"))
    st.text(chosen)


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(script).run()


def shown(page: AppTest) -> tuple[str, str]:
    """What the page says is chosen, and what the widget shows."""
    return page.text[0].value, page.button_group[0].value


def test_the_readers_choice_counts_and_stays(page):
    page.button_group[0].set_value("green").run()
    assert shown(page) == ("green", "green")
    page.run()
    assert shown(page) == ("green", "green")


def test_the_servers_change_shows_in_the_widget(page):
    page.button_group[0].set_value("green").run()
    page.button[0].click().run()
    assert shown(page) == ("blue", "blue")


def test_an_older_value_that_comes_back_late_undoes_nothing(page):
    page.button_group[0].set_value("green").run()
    older = page.get_widget_states() if hasattr(page, "get_widget_states") else page._tree.get_widget_states()
    page.button[0].click().run()
    page._run(older)
    assert shown(page) == ("blue", "blue")
    page.run()
    assert shown(page) == ("blue", "blue")


def test_the_reader_may_choose_again_after_the_server(page):
    page.button[0].click().run()
    page.button_group[0].set_value("red").run()
    assert shown(page) == ("red", "red")
