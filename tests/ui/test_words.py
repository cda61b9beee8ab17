"""Text of others as pages show it."""

import pytest

from ensemble_cam.ui.words import plain, without_folders


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
        assert without_folders(f"into {name}/.torchxrayvision.") == "into ~/.torchxrayvision."
        assert without_folders(f"({name}): 5 bytes are free") == "(~): 5 bytes are free"
        assert plain(f"{name}/films") == r"\~/films"


def test_other_folders_keep_their_names(home):
    for text in (f"{home}s/film", f"/backup{home}/film", "/data/films"):
        assert without_folders(text) == text


def test_folders_of_weights_are_the_variables_that_name_them(home, monkeypatch):
    for variable, folder in (("ENSEMBLE_CAM_WEIGHTS", f"{home}/w/"), ("ENSEMBLE_CAM_WEIGHTS_FROM", "/mnt/the mirror")):
        monkeypatch.setenv(variable, folder)
    assert without_folders(f"into {home}/w. Fetch") == "into $ENSEMBLE_CAM_WEIGHTS. Fetch"
    assert without_folders("/mnt/the mirror/a.pt: this is a pipe") == "$ENSEMBLE_CAM_WEIGHTS_FROM/a.pt: this is a pipe"
    for named in ("weights", "https://mirror.example/w", "/", ""):
        monkeypatch.setenv("ENSEMBLE_CAM_WEIGHTS", named)
        text = f"The weights of {named}: /data/w."
        assert without_folders(text) == text


def test_a_home_at_the_root_of_the_disk_is_left_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setenv("USERPROFILE", "/")
    assert without_folders("/data/films") == "/data/films"
