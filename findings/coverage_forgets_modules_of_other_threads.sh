#!/usr/bin/env bash
# coverage 7.17.5: with `source_pkgs`, a change of sys.path takes modules away that another thread is importing.
#
# One would expect: measuring a program leaves `sys.modules` alone, so that a module is imported once in a process.
# What happens: whenever sys.path has changed since it looked last, coverage looks its source packages up anew and then
# deletes from sys.modules all that was not there before the look-up, whoever imported it. Where a thread finishes an
# import meanwhile, its module is forgotten. The next import makes a second one: classes of the first are not those of
# the second, `isinstance` says no, imports that are still under way end with a KeyError, and all that only now and
# then. Test runners change sys.path often. Here a finder that takes its time, as one on a network drive does, makes it
# happen each time.
# What to do: name folders (`source_dirs`) instead of packages.
#
# Output seen:
#     source_pkgs: other is still there: False, and its class is the same: False
#     source_dirs: other is still there: True, and its class is the same: True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "coverage==7.17.5"

mkdir -p "$folder/tree/house"
cd "$folder/tree"
touch house/__init__.py
echo "class Thing: pass" > other.py
echo "VALUE = 1" > late.py
cat > packages.ini <<'INI'
[run]
source_pkgs =
    house
    imported_later
INI
cat > folders.ini <<'INI'
[run]
source_dirs = house
INI
cat > check.py <<'PYTHON'
import sys
import threading

looked_up, imported = threading.Event(), threading.Event()
seen = {}


class Slow:
    """A finder that finds nothing, in a time in which another thread imports something."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "imported_later" and threading.current_thread() is threading.main_thread():
            looked_up.set()
            imported.wait(10)
        return None


def import_other():
    looked_up.wait(2)
    import other

    seen["first"] = other.Thing
    imported.set()


thread = threading.Thread(target=import_other)
thread.start()
sys.meta_path.insert(0, Slow)
sys.path.append("a_folder")
import late  # a file that coverage has not seen: it looks at sys.path

thread.join()
there = "other" in sys.modules
import other

print(f"{sys.argv[1]}: other is still there: {there}, and its class is the same: {other.Thing is seen['first']}")
PYTHON
{
    "$folder/venv/bin/coverage" run --rcfile=packages.ini check.py source_pkgs
    "$folder/venv/bin/coverage" run --rcfile=folders.ini check.py source_dirs
} 2>/dev/null | tee output.txt
grep -qx "source_pkgs: other is still there: False, and its class is the same: False" output.txt
grep -qx "source_dirs: other is still there: True, and its class is the same: True" output.txt
