"""Text of others as pages show it."""

import pytest

from ensemble_cam.ui.words import plain, without_home


@pytest.fixture
def home(own_home, tmp_path, monkeypatch) -> str:
    """A home that is known by a link to it, too."""
    link = tmp_path / "linked"
    link.symlink_to(own_home, target_is_directory=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(link))
    return str(link)


def test_the_home_folder_is_a_tilde_by_each_of_its_names(home, own_home):
    for name in (home, str(own_home)):
        assert without_home(f"into {name}/.torchxrayvision.") == "into ~/.torchxrayvision."
        assert without_home(f"({name}): 5 bytes are free") == "(~): 5 bytes are free"
        assert plain(f"{name}/films") == r"\~/films"


def test_other_folders_keep_their_names(home):
    for text in (f"{home}s/film", f"/backup{home}/film", "/data/films"):
        assert without_home(text) == text


def test_a_home_at_the_root_of_the_disk_is_left_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setenv("USERPROFILE", "/")
    assert without_home("/data/films") == "/data/films"
