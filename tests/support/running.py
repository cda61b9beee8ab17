"""Python in a process of its own, for what a process has loaded at its end."""

import subprocess
import sys


def lines_of(code: str) -> list[str]:
    """Run code in a process of its own, and return the lines that it prints; it has to end well."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()


def loaded_by(command: list[str], names: set[str]) -> tuple[list[str], list[str]]:
    """Run the command line in a process of its own, where it may end by itself.

    Returns:
        Which of the named modules it has loaded, and the lines that it printed.
    """
    *printed, loaded = lines_of(
        "import sys\n"
        "from ensemble_cam.cli import main\n"
        f"try:\n    main({command!r})\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        f"print(*sorted({names!r} & set(sys.modules)))"
    )
    return loaded.split(), printed
