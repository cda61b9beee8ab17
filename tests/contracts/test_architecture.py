"""The import ladder of the package: a module imports from lower floors only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import ensemble_cam
from ensemble_cam import config, methods

PACKAGE = Path(ensemble_cam.__file__).parent
APP = PACKAGE.parents[1] / "app.py"

# A folder (`teaching`, `ui`) is one module here. Modules that are planned and not there yet may stand in the table.
FLOORS = {
    "errors": 0,
    "purpose": 0,
    "progress": 0,
    "openmp": 0,
    "arenas": 0,
    "side_by_side": 0,
    "methods": 0,
    "resampling": 0,
    "geometry": 0,
    "config": 0,
    "intake": 1,
    "greyscale": 1,
    "pictures": 1,
    "dicom_file": 1,
    "dicom_header": 1,
    "dicom_pixels": 1,
    "dicom": 1,
    "radiograph": 1,
    "phantom": 1,
    "heatmaps": 1,
    "settings": 1,
    "cautions": 1,
    "download": 2,
    "unpickling": 2,
    "weights": 2,
    "upstream": 2,
    "untrained": 2,
    "teaching_networks": 2,
    "teaching_weights": 2,
    "attention": 2,
    "heads": 2,
    "guided": 2,
    "weighting": 2,
    "compilation": 2,
    "classifiers": 2,
    "runtime": 2,
    "cams": 2,
    "ensemble": 3,
    "faithfulness": 3,
    "teaching": 3,
    "findings": 4,
    "analysis": 4,
    "rendering": 5,
    "encoding": 5,
    "page": 5,
    "provenance": 5,
    "record": 5,
    "figure": 5,
    "places": 5,
    "export": 5,
    "launch": 5,
    "flow": 6,
    "batch": 6,
    "ui": 6,
    "machine": 7,
    "bench": 7,
    "bench_server": 7,
    "bench_viewer": 7,
    "cli": 7,
    "__main__": 8,
}

SAME_FLOOR = {
    "config": {"methods"},
    "geometry": {"resampling"},
    "pictures": {"greyscale", "intake"},
    "dicom_header": {"intake"},
    "dicom_pixels": {"dicom_file", "intake"},
    "dicom": {"dicom_file", "dicom_header", "dicom_pixels", "greyscale", "intake"},
    "radiograph": {"dicom", "pictures", "greyscale", "intake"},
    "phantom": {"pictures"},
    "cautions": {"radiograph"},
    "weights": {"download", "unpickling"},
    "teaching_networks": {"upstream"},
    "teaching_weights": {"teaching_networks", "unpickling"},
    "classifiers": {"heads", "weights", "upstream", "untrained", "teaching_networks", "teaching_weights"},
    "heads": {"attention"},
    "guided": {"classifiers", "heads"},
    "weighting": {"heads"},
    "runtime": {"classifiers", "compilation"},
    "cams": {"classifiers", "guided", "heads", "runtime", "weighting"},
    "analysis": {"findings"},
    "provenance": {"rendering"},
    "page": {"rendering"},
    "figure": {"encoding", "page", "provenance", "rendering"},
    "record": {"provenance", "rendering"},
    "export": {"encoding", "figure", "provenance", "record", "rendering"},
    "places": {"provenance", "record", "rendering"},
    "batch": {"flow"},
    "bench": {"machine"},
    "bench_viewer": {"machine"},
    "cli": {"bench", "bench_viewer"},
}

TORCH = {"torch", "torchvision", "pytorch_grad_cam", "openvino"}
TORCH_FLOORS = {2, 3, 4}
TORCHXRAYVISION_MODULES = {"upstream", "classifiers", "weights", "unpickling"}
UNBOUND = {"bench"}  # runs the peer beside us


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> dict[str, list[Path]]:
    """Return module → its files, without the package's own `__init__`."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        # An installed package carries the app's script.
        if path not in (PACKAGE / "__init__.py", PACKAGE / "app.py"):
            found.setdefault(module_of(path), []).append(path)
    return found


def imports_of(path: Path) -> set[str]:
    """Return the dotted names of all that a file imports when it runs, relative ones spelt out."""
    parts = ("ensemble_cam", *path.relative_to(PACKAGE).parts[:-1]) if path.is_relative_to(PACKAGE) else ()
    names = set()
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + 1] if node.level else ()
            start = ".".join((*base, *((node.module,) if node.module else ())))
            names |= {f"{start}.{alias.name}" for alias in node.names}
    return names


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below but those that only type checkers see."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


def own_imports() -> dict[str, set[str]]:
    """Return module → the other modules of the package that it imports."""
    found = {}
    for module, paths in sources().items():
        names = set().union(*map(imports_of, paths))
        ours = {name.split(".")[1] for name in names if name.startswith("ensemble_cam.")}
        # `from . import __version__` is no module.
        found[module] = {name for name in ours if name in sources()} - {module}
    return found


def test_every_module_has_a_floor():
    assert set(sources()) <= set(FLOORS)


def test_modules_import_from_lower_floors_only():
    for module, imported in own_imports().items():
        for other in imported - {"errors"} - SAME_FLOOR.get(module, set()):
            if module not in UNBOUND:
                assert FLOORS[other] < FLOORS[module], f"{module} imports {other}"


def test_the_table_of_neighbours_stays_on_one_floor():
    for module, others in SAME_FLOOR.items():
        assert {FLOORS[other] for other in others} == {FLOORS[module]}, module


def test_no_modules_import_one_another_in_a_circle():
    TopologicalSorter(own_imports()).prepare()


def test_heavy_packages_are_imported_where_they_belong():
    for module, paths in sources().items():
        roots = {name.split(".")[0] for path in paths for name in imports_of(path)}
        if module in UNBOUND:
            continue
        if FLOORS[module] not in TORCH_FLOORS:
            assert not roots & TORCH, module
        if module not in TORCHXRAYVISION_MODULES:
            assert "torchxrayvision" not in roots, module
        if module != "ui":
            assert "streamlit" not in roots, module
        # A review needs two of its fonts and six of its colour maps, and no import of a quarter of a second.
        assert "matplotlib" not in roots, module


def test_the_app_script_imports_the_package_and_streamlit_alone():
    if APP.exists():
        roots = {name.split(".")[0] for name in imports_of(APP)}
        assert not roots & (TORCH | {"torchxrayvision"})


def test_every_import_of_the_ladder_was_seen():
    # Guards the reading of the syntax trees: these imports are known to be there.
    found = own_imports()
    assert {"geometry", "radiograph", "cams", "findings"} <= found["analysis"]
    assert "errors" in found["config"]  # relative
    assert {"dicom", "pictures"} <= found["radiograph"]  # inside functions
    assert "torch" in imports_of(PACKAGE / "runtime.py")


def test_no_module_is_a_drawer_for_anything():
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_reading_a_film_loads_neither_torch_nor_streamlit():
    code = (
        "import sys, io, numpy, PIL.Image\n"
        "import ensemble_cam.radiograph, ensemble_cam.config, ensemble_cam.weights\n"
        "buffer = io.BytesIO()\n"
        "PIL.Image.fromarray(numpy.eye(300, dtype='uint8')).save(buffer, 'PNG')\n"
        "ensemble_cam.radiograph.read_radiograph(buffer.getvalue())\n"
        "ensemble_cam.config.load_config()\n"
        "print(sorted({'torch', 'torchvision', 'torchxrayvision', 'streamlit', 'matplotlib'} & set(sys.modules)))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "[]"


def test_the_configuration_knows_the_methods_that_there_are():
    assert tuple(methods.METHODS) == config.METHODS
