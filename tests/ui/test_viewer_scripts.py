"""The components' scripts are joined into one module each; what cannot be joined is refused and named."""

import re
from collections.abc import Mapping

import pytest

from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import CALLS_AT_LENGTH, SAYS
from ensemble_cam.settings.display import STYLES
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.scripts import LinkError, linked, read

USE_A = 'import { a } from "./a.js"\nexport default function () {\n  return a\n}\n'


def joined(files: Mapping[str, str], path: str = "viewer/main.js") -> str:
    def given(path: str) -> str:
        try:
            return files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return linked(path, read=given)


def test_each_module_stands_once_in_a_function_of_its_own_behind_those_that_it_imports():
    text = joined(
        {
            "viewer/main.js": 'import { a } from "./a.js"\nimport { b, c } from "../session/b.js"\n'
            "export default function () {\n  return a + b + c()\n}\n",
            "viewer/a.js": 'import { b } from "../session/b.js"\nconst own = b\nexport const a = own\n',
            "session/b.js": "// what b is\nexport const b = 1\nexport async function c() {}\nclass D {}\n",
        }
    )
    assert (
        text
        == """const $session_b = (() => {
const b = 1
async function c() {}
class D {}
return { b, c }
})()
const $viewer_a = (() => {
const { b } = $session_b
const own = b
const a = own
return { a }
})()
const { a } = $viewer_a
const { b, c } = $session_b
export default function () {
  return a + b + c()
}"""
    )


def test_what_looks_like_a_comment_in_a_string_hides_nothing():
    files = {
        "viewer/main.js": 'import { a } from "./a.js"\nconst b = ["http://b", "/*", a]\n',
        "viewer/a.js": "export const a = 1",
    }
    assert 'const b = ["http://b", "/*", a]' in joined(files)


def test_comments_and_types_are_no_imports_and_stay_behind():
    main = """// @ts-check
/** @import { T } from "./no.js" */
/**
 * import { x } from "./no.js"
 */
/** @type {import("./no.js").T} */
export default function () {
  // a remark

  return 1 // a remark beside
}
"""
    assert joined({"viewer/main.js": main}) == "export default function () {\n  return 1 // a remark beside\n}"


@pytest.mark.parametrize(
    ("main", "a", "message"),
    [
        ('import a from "./a.js"\n', "", r"viewer/main.js:1: not a form of import.*import a from"),
        ('import * as a from "./a.js"\n', "", "not a form of import"),
        ('import { a as b } from "./a.js"\n', "", "not a form of import"),
        ('import "./a.js"\n', "", "not a form of import"),
        ('import {\n  a,\n} from "./a.js"\n', "", "not a form of import"),
        ('import { a } from "a"\n', "", "not a form of import"),
        ("import { a } from './a.js'\n", "", "not a form of import"),
        ('import { a } from "https://elsewhere/a.js"\n', "", "not a form of import"),
        ('  import { a } from "./a.js"\n', "", "not a form of import"),
        ('import { a } from "./a.js"; a()\n', "", "not a form of import"),
        ('const a = import("./a.js")\n', "", "cannot be followed"),
        ("const a = import.meta.url\n", "", "cannot be followed"),
        ('import { a } from "../../a.js"\na()\n', "", "lies outside"),
        ('import { a } from "./b.js"\na()\n', "", "viewer/main.js: there is no viewer/b.js"),
        (USE_A, "const a = 1\n", "viewer/main.js:1: viewer/a.js exports no a"),
        ('import { a } from "./a.js"\nconst ab = 1 // a\n', "export const a = 1\n", "a is imported and not used"),
        (USE_A, "export let a = 1\n", "viewer/a.js:1: not a form of export.*let a"),
        (USE_A, "const a = 1\nexport { a }\n", "viewer/a.js:2: not a form of export"),
        (USE_A, 'export * from "./b.js"\n', "not a form of export"),
        (USE_A, "export const { a } = {}\n", "not a form of export"),
        (USE_A, "export default function () {}\n", "viewer/a.js:1: not a form of export"),
        (USE_A, USE_A.replace("./a.js", "./main.js"), "circle: viewer/main.js → viewer/a.js → viewer/main.js"),
        (USE_A, 'import { a } from "./a.js"\nexport const b = a\n', "circle: viewer/a.js → viewer/a.js"),
    ],
)
def test_what_cannot_be_joined_is_refused_and_named(main, a, message):
    with pytest.raises(LinkError, match=message):
        joined({"viewer/main.js": main, "viewer/a.js": a})


@pytest.mark.parametrize(
    "path", ["viewer/viewer.js", "session/film_list.js", "session/stage_note.js", "session/list_note.js"]
)
def test_the_components_are_joined_with_one_stage_and_one_way_in(path):
    text = linked(path)
    assert text.count("export default function (") == 1
    assert text.count('Symbol.for("ensemble-cam stage")') == 1
    assert not re.search(r"^(import|export (?!default function \())", text, re.MULTILINE)


def typedef(name: str) -> set[str]:
    (block,) = (each for each in read("viewer/types.js").split("/**") if f"@typedef {{object}} {name}\n" in each)
    return set(re.findall(r"@property \{.*\} (\w+)", block))


def test_the_names_that_both_sides_spell_are_the_same():
    assert typedef("Says") == {*SAYS, "calls"}
    assert set(CALLS_AT_LENGTH) == set(Call)
    calls = " | ".join(f'"{call}"' for call in Call)
    assert f"@typedef {{{calls}}} Call" in read("viewer/types.js")
    assert f'export const ENSEMBLE = "{ENSEMBLE}"' in read("viewer/findings.js")
    styles = ", ".join(f'"{style}"' for style in STYLES)
    assert f"[{styles}]" in read("viewer/state.js")
    assert re.findall(r'name="style" value="(\w+)"', read("viewer/viewer.html")) == list(STYLES)


def test_each_sentence_is_said_in_the_browser_in_the_places_that_it_has():
    words = read("viewer/words.js")
    for name, sentence in SAYS.items():
        places = re.findall(r"\{(\w+)\}", sentence)
        if not places:
            assert f"says.{name}" in words, name
            continue
        (filled,) = re.findall(rf"filled\(says\.{name}, \{{ (.*)", words)
        assert all(re.search(rf"\b{place}\b", filled) for place in places), name
