"""The order of the rooms is kept by the contracts in `pyproject.toml`; here is what imports do not show."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ensemble_cam

PACKAGE = Path(ensemble_cam.__file__).parent
CHECKOUT = Path(__file__).parents[2]
APP = CHECKOUT / "app.py"

HEAVY = {"torch", "torchvision", "torchxrayvision", "sklearn", "scipy.stats", "streamlit", "matplotlib"}
FACES = {".", "cli", "phantom"}
"""Rooms whose `__init__` says more than what the room is for."""

PROMISED = {"read_film", "review", "review_films", "Review", "load_network", "Network", "explain"} | {
    "layers",
    "recommended_layers",
    "measure",
    "validate",
}
"""Names of the public face: a room of such a name would take its place as soon as it is imported."""


def rooms() -> list[Path]:
    return sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


def loaded_by(code: str) -> str:
    """Return which heavy packages a process has loaded that ran `code`."""
    code += f"\nimport sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_every_import_keeps_the_contracts():
    # A process of its own, as the linter silences the loggers of the one that it runs in.
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_room_bears_a_name_of_the_public_face():
    assert not PROMISED & {path.stem for path in PACKAGE.iterdir()}


def test_a_room_opens_without_loading_anything():
    for room in rooms():
        if str(room.relative_to(PACKAGE)) not in FACES:
            (only,) = ast.parse((room / "__init__.py").read_text(encoding="utf-8")).body
            assert isinstance(only, ast.Expr), room


def test_the_app_script_imports_the_package_and_streamlit_alone():
    if APP.exists():
        names = set()
        for node in ast.walk(ast.parse(APP.read_text(encoding="utf-8"))):
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
        assert {name.split(".")[0] for name in names} <= {"ensemble_cam", "streamlit"}


def test_no_module_is_a_drawer_for_anything():
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_reading_a_film_loads_neither_torch_nor_streamlit():
    code = (
        "import io, numpy, PIL.Image\n"
        "from ensemble_cam.film.radiograph import read_radiograph\n"
        "from ensemble_cam.settings.config import load_config\n"
        "buffer = io.BytesIO()\n"
        "PIL.Image.fromarray(numpy.eye(300, dtype='uint8')).save(buffer, 'PNG')\n"
        "read_radiograph(buffer.getvalue())\n"
        "load_config()\n"
    )
    assert loaded_by(code) == "[]"


@pytest.mark.parametrize(
    "room", ["machine", "film", "settings", "phantom", "weights", "rendering", "export", "archive"]
)
def test_a_room_without_networks_loads_nothing_heavy(room):
    # A linter sees the package's own imports, not what those of others bring along.
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if path.stem != "__init__"
    ]
    assert loaded_by("import " + ", ".join(names)) == "[]"


def test_networks_maps_and_reviews_do_without_pytorch_but_for_what_bears_its_name():
    rooms = [PACKAGE / room for room in ("classifiers", "maps", "reviewing")]
    names = [f"{path.parent.name}.{path.stem}" for room in rooms for path in room.glob("[!_]*.py")]
    names = [name for name in names if ".torch_" not in name]
    assert len(names) > 20
    assert loaded_by("import " + ", ".join(f"ensemble_cam.{name}" for name in names)) == "[]"
