"""A container file's steps, without a builder: read as it is written, and run in a root of its own."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MAY_CHANGE_ROOT = (
    os.name == "posix"
    and os.geteuid() == 0
    and all(map(shutil.which, ("unshare", "chroot", "setpriv", "mount")))
    and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
)
"""Whether this machine lets its tests have a root of their own."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ssl", "/dev")


@dataclass(frozen=True)
class Step:
    """One instruction: its `word`, as RUN, and what follows."""

    word: str
    text: str


def steps_of(path: Path) -> list[Step]:
    """Return a container file's instructions, continued lines joined, without comments."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def environment_of(steps: list[Step]) -> dict[str, str]:
    """Return what the last stage's ENV instructions set, PATH without what was there before."""
    set_ = [pair for step in steps if step.word == "ENV" for pair in shlex.split(step.text)]
    return {name: value.replace(":$PATH", "") for name, value in (pair.split("=", 1) for pair in set_)}


def words_of(steps: list[Step], word: str) -> list[str]:
    """Return the words of an instruction in its JSON form."""
    (found,) = (step.text for step in steps if step.word == word)
    return json.loads(found)


def run_of(steps: list[Step], root: Path, context: Path, arguments: dict[str, str]) -> str:
    """Return the script that runs a container file's steps in an empty root, one stage after the other in the same.

    Args:
        steps: its instructions; of those that only say how it is started, nothing is run.
        root: the root that `in_own_root` has made.
        context: the folder that is copied from.
        arguments: name → value of what a builder is told, and of what else the steps find in their environment.
    """
    lines, folder, given = [], "/", dict(arguments)
    for step in steps:
        if step.word == "WORKDIR":
            folder = step.text
            lines.append(f"mkdir -p {root}{folder}")
        elif step.word == "COPY" and "--from" not in step.text:
            assert step.text == ". .", step
            lines.append(f"cp -r {context}/. {root}{folder}")
        elif step.word == "ENV":
            given |= environment_of([step])
        elif step.word == "RUN":
            inside = ["env", "-i", *(f"{name}={value}" for name, value in given.items()), "sh", "-ec"]
            lines.append(f"chroot {root} {shlex.join([*inside, f'cd {folder}; {step.text}'])}")
    return "\n".join(lines)


def in_own_root(root: Path, script: str) -> list[str]:
    """Return the command that runs a script in an empty root, with this machine's programs and Python bound into it.

    All of it ends with the command: it has mounts of its own.

    Args:
        root: an empty folder.
        script: of the shell, run as root beside the root.
    """
    bound = [Path(each) for each in _SYSTEM if Path(each).exists() and not Path(each).is_symlink()]
    bound += [Path(sys.prefix), Path(sys.base_prefix)]
    lines = ["set -e", f"mount -t tmpfs none {root}", f"mkdir -p {root}/proc {root}/tmp"]
    lines += [f"mount -t proc none {root}/proc", f"mount -t tmpfs -o mode=1777 none {root}/tmp"]
    for link in (Path(each) for each in _SYSTEM if Path(each).is_symlink()):
        lines.append(f"ln -s {os.readlink(link)} {root}{link}")
    for path in bound:
        make = f"mkdir -p {root}{path}" if path.is_dir() else f"mkdir -p {root}{path.parent} && touch {root}{path}"
        lines += [make, f"mount --rbind {path} {root}{path}"]
    lines.append(script)
    return ["unshare", "--mount", "sh", "-c", "\n".join(lines)]
