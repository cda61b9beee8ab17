#!/usr/bin/env bash
# import-linter 2.17: checking contracts from Python silences every logger that the process had before.
#
# One would expect: `importlinter.cli.lint_imports()` prints its report and leaves the caller's logging as it was, so that
# a test may call it among others.
# What happens: it configures logging for itself and, on the way, disables all loggers that exist. Whatever the process
# logs afterwards is lost without a word, and later tests that look at log records fail, or pass for the wrong reason.
# What to do: run `lint-imports` in a process of its own.
#
# Output seen:
#     Contracts: 1 kept, 0 broken.
#     before: disabled False
#     after: disabled True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "import-linter==2.17" "grimp==3.20"

mkdir -p "$folder/tree/house"
cd "$folder/tree"
touch house/__init__.py
echo "VALUE = 1" > house/lower.py
echo "from house.lower import VALUE" > house/upper.py
cat > contracts.toml <<'TOML'
[tool.importlinter]
root_package = "house"

[[tool.importlinter.contracts]]
name = "floors"
type = "layers"
layers = ["house.upper", "house.lower"]
TOML
cat > check.py <<'PYTHON'
import logging

mine = logging.getLogger("mine")
before = mine.disabled
from importlinter.cli import lint_imports

assert lint_imports(config_filename="contracts.toml", cache_dir=None) == 0
print("before: disabled", before)
print("after: disabled", mine.disabled)
PYTHON
"$folder/venv/bin/python" check.py | tee output.txt
grep -qx "before: disabled False" output.txt
grep -qx "after: disabled True" output.txt
