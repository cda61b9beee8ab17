"""The files of components: JavaScript, HTML and CSS beside the modules that put them on the page.

Streamlit loads a component's JavaScript as one module from a text, in which the address of another file means nothing.
So the scripts, which are real ES modules for editors and for the type check, are joined here: each in a function of its
own that returns what it exports, those that it imports before it. Names of different files cannot meet. Nothing is
built or installed for that; in exchange few forms are allowed:

    import { one, other } from "./file.js"       (and `../folder/file.js`)
    export function, export async function, export class, export const
    export default function (…)                   (in the first file alone, whose names stand at the top)

All of them begin a line, and stand on one. Comments on lines of their own, types most of them, stay behind: a browser
is sent a component's text again and again.
"""

import posixpath
import re
from collections.abc import Callable
from importlib.resources import files

from ensemble_cam.errors import EnsembleCamError

_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|/\*.*?\*/|//[^\n]*', re.DOTALL)
_OWN_LINES = re.compile(r"^[ \t]*(?:/\*\*.*?\*/|//[^\n]*)[ \t]*\n|^[ \t]*\n", re.DOTALL | re.MULTILINE)
_IMPORT = re.compile(r'import \{ ([\w$]+(?:, [\w$]+)*) \} from "(\.{1,2}/[\w./]+\.js)"')
_EXPORT = re.compile(r"export (?:(?:async )?function|class|const) ([\w$]+)")
_DEFAULT = "export default function ("
_DYNAMIC = re.compile(r"(?<![\w.$])import\s*[(.]")


class LinkError(EnsembleCamError):
    """Scripts that cannot be joined."""


def read(path: str) -> str:
    """Return a file's text; its path is from the folder of `ensemble_cam.ui` on."""
    return files("ensemble_cam.ui").joinpath(path).read_text(encoding="utf-8")


def linked(path: str, *, read: Callable[[str], str] = read) -> str:
    """Join a script and all that it imports into one module.

    Args:
        path: the script's.
        read: path → text; raises OSError where there is none.

    Raises:
        LinkError: for a form that is not allowed, a file or name that is not there, an import that nobody uses, and
            modules that import one another in a circle.
    """
    linker = _Linker(read)
    main = linker.joined(path, (), first=True)
    return "\n".join((*linker.parts, main))


class _Linker:
    def __init__(self, read: Callable[[str], str]) -> None:
        self.read = read
        self.exports: dict[str, tuple[str, ...]] = {}
        self.parts: list[str] = []

    def add(self, path: str, importers: tuple[str, ...]) -> None:
        """Put a module, after those that it imports, among the parts."""
        if path in importers:
            circle = " → ".join((*importers[importers.index(path) :], path))
            raise LinkError(f"modules import one another in a circle: {circle}")
        if path in self.exports:
            return
        body = self.joined(path, importers, first=False)
        given = ", ".join(self.exports[path])
        self.parts.append(f"const {_name(path)} = (() => {{\n{body}\nreturn {{ {given} }}\n}})()")

    def joined(self, path: str, importers: tuple[str, ...], *, first: bool) -> str:
        """Return a module's text with its imports taken from the parts, and note what it exports."""
        try:
            text = self.read(path)
        except OSError:
            raise LinkError(f"{importers[-1] if importers else 'no module'}: there is no {path}") from None
        bare = _COMMENT.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)
        if dynamic := _DYNAMIC.search(bare):
            raise LinkError(f"{path}: {dynamic[0]!r} cannot be followed; begin a line with import {{ … }} from")
        lines, exports = [], []
        for number, (line, seen) in enumerate(zip(text.split("\n"), bare.split("\n"), strict=True), start=1):
            where = f"{path}:{number}"
            if re.match(r"\s*import\b", seen):
                line = self._imported(seen.rstrip(), path, importers, where, bare)
            elif re.match(r"\s*export\b", seen) and not (first and seen.startswith(_DEFAULT)):
                found = _EXPORT.match(seen)
                if found is None:
                    raise LinkError(f"{where}: not a form of export that can be joined: {seen.strip()}")
                exports.append(found[1])
                line = line.removeprefix("export ")
            lines.append(line)
        self.exports[path] = tuple(exports)
        return _OWN_LINES.sub("", "\n".join(lines)).strip("\n")

    def _imported(self, line: str, path: str, importers: tuple[str, ...], where: str, bare: str) -> str:
        found = _IMPORT.fullmatch(line)
        if found is None:
            raise LinkError(f"{where}: not a form of import that can be joined: {line.strip()}")
        names = found[1].split(", ")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        if target.startswith("../"):
            raise LinkError(f"{where}: {target} lies outside")
        self.add(target, (*importers, path))
        body = re.sub(r"^import\b.*", "", bare, flags=re.MULTILINE)
        for name in names:
            if name not in self.exports[target]:
                raise LinkError(f"{where}: {target} exports no {name}")
            if not re.search(rf"(?<![\w$.]){re.escape(name)}(?![\w$])", body):
                raise LinkError(f"{where}: {name} is imported and not used")
        return f"const {{ {found[1]} }} = {_name(target)}"


def _name(path: str) -> str:
    """Return the name that a module's exports have in the joined text; no script may begin a name with $."""
    return "$" + re.sub(r"\W", "_", path.removesuffix(".js"))
