"""The files of components: JavaScript, HTML and CSS beside the modules that put them on the page."""

from importlib.resources import files


def read(name: str, room: str = "ensemble_cam.ui.viewer") -> str:
    """Return a file's text; `room` is the package that it lies in."""
    return files(room).joinpath(name).read_text(encoding="utf-8")


def stage_script() -> str:
    """Return the JavaScript that all components of a page share: which film is on the stage."""
    return read("stage.js")
