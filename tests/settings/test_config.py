"""The configuration is read whole, or refused by file, table and key."""

import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings import config as config_module
from ensemble_cam.settings.config import Config, ReviewDefaults, default_config_path, load_config
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.rules import check_setting
from ensemble_cam.settings.vocabulary import COLORMAPS, UNTRAINED

PIN = "56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899"

VALID = """
[review]
top_k = 5
threshold = 1

[classifiers.first]
name = "First"
description = "what it is"
model_type = "densenet"
set = "clinical"
input_size = 224
default_weight = "densenet121-res224-nih"
weights = ["densenet121-res224-all", "densenet121-res224-nih", "untrained"]
ensemble_weight = 2

[classifiers.first.sha256]
densenet121-res224-all = "PIN"

[classifiers.second]
name = "Second"
description = ""
model_type = "jfhealthcare"
set = "clinical"
input_size = 512
default_weight = "jfhealthcare-densenet121"
weights = ["jfhealthcare-densenet121"]
ensemble_weight = 0.0
operating_points = { Effusion = 0.25 }
optional = true
""".replace("PIN", PIN)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_default_configuration_has_the_three_clinical_classifiers_and_the_known_pin():
    config = load_config()

    assert config.review == ReviewDefaults()
    assert [(c.id, c.model_type, c.input_size, c.default_weight) for c in config.in_set("clinical")] == [
        ("densenet121", "densenet", 224, "densenet121-res224-all"),
        ("resnet50", "resnet", 512, "resnet50-res512-all"),
        ("jfhealthcare", "jfhealthcare", 512, "jfhealthcare-densenet121"),
    ]
    assert {c.id: c.weights for c in config.classifiers}["densenet121"] == FAMILIES["densenet"].weights
    assert {c.id: dict(c.sha256) for c in config.in_set("clinical")} == {
        "densenet121": {"densenet121-res224-all": PIN},
        "resnet50": {},
        "jfhealthcare": {},
    }


def test_every_key_of_a_valid_file_arrives_in_its_type(tmp_path):
    config = load_config(write(tmp_path, VALID))

    assert config.review == ReviewDefaults(top_k=5, threshold=1.0)
    assert isinstance(config.review.threshold, float)
    first, second = config.classifiers
    assert asdict(first) == {
        "id": "first",
        "name": "First",
        "description": "what it is",
        "model_type": "densenet",
        "set": "clinical",
        "input_size": 224,
        "default_weight": "densenet121-res224-nih",
        "weights": ("densenet121-res224-all", "densenet121-res224-nih", UNTRAINED),
        "ensemble_weight": 2.0,
        "sha256": {"densenet121-res224-all": PIN},
        "operating_points": None,
        "optional": False,
        "own": None,
        "site_points": None,
    }
    assert isinstance(first.ensemble_weight, float)
    assert (second.ensemble_weight, second.operating_points) == (0.0, {"Effusion": 0.25})
    assert second.optional
    assert hash(config) == hash(load_config(write(tmp_path, VALID)))


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    text = b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode()

    assert load_config(write(tmp_path, text)) == load_config(write(tmp_path, VALID))


def test_pin_in_capitals_is_the_same_pin(tmp_path):
    config = load_config(write(tmp_path, VALID.replace(PIN, PIN.upper())))

    assert config.classifier("first").sha256["densenet121-res224-all"] == PIN


# Each row: what stands in the valid file, what it is replaced by, what the message must say.
REFUSED = [
    # a key or a table nobody knows
    ("[review]", "[reviews]", r'top level: .*"reviews".*review, classifiers.*Did you mean "review"'),
    ("[review]", "colour = 1\n[review]", r'top level: .*unknown key "colour"'),
    ("top_k = 5", "topk = 5", r'\[review\].*unknown key "topk".*Did you mean "top_k"'),
    ("input_size = 224", "inputsize = 224", r'\[classifiers\.first\].*"inputsize".*Did you mean "input_size"'),
    # something else where a table belongs
    ("[review]\ntop_k = 5\nthreshold = 1", "review = 3", r"\[review\]: got 3; allowed: a table"),
    ("[classifiers.second]", "[classifiers]\nthird = 7\n[classifiers.second]", r"\[classifiers\.third\]: got 7"),
    (
        '[classifiers.first.sha256]\ndensenet121-res224-all = "' + PIN + '"',
        "sha256 = 1",
        r"first\] sha256: got 1.*table",
    ),
    ("operating_points = { Effusion = 0.25 }", "operating_points = [0.25]", r"second\] operating_points: got \[0.25\]"),
    # wrong types; a bool is no number
    ("top_k = 5", "top_k = true", r"\[review\] top_k: got true; allowed: a whole number from 1 to 18"),
    ("top_k = 5", "top_k = 5.0", r"\[review\] top_k: got 5.0;"),
    ("threshold = 1", "threshold = false", r"\[review\] threshold: got false; allowed: a number from 0 to 1"),
    ("threshold = 1", 'threshold = "0.4"', r'\[review\] threshold: got "0.4"'),
    ('name = "First"', "name = 1", r"first\] name: got 1"),
    ('name = "First"', 'name = " "', r'first\] name: got " "; allowed: a text that is not empty'),
    ('description = ""', "description = 1979-05-27", r"second\] description: got .*1979"),
    ("input_size = 224", 'input_size = "224"', r'first\] input_size: got "224"'),
    ("ensemble_weight = 2", "ensemble_weight = true", r"first\] ensemble_weight: got true"),
    ("optional = true", "optional = 1", r"second\] optional: got 1; allowed: true or false"),
    ("optional = true", 'optional = "yes"', r'second\] optional: got "yes"'),
    ('weights = ["jfhealthcare-densenet121"]', 'weights = "jfhealthcare-densenet121"', r"second\] weights: .*list"),
    ('weights = ["jfhealthcare-densenet121"]', "weights = [1]", r"second\] weights: got \[1\]"),
    ('weights = ["jfhealthcare-densenet121"]', "weights = []", r"second\] weights: got \[\]; allowed: .* or more"),
    # out of range
    ("top_k = 5", "top_k = 0", r"\[review\] top_k: got 0;"),
    ("top_k = 5", "top_k = 19", r"\[review\] top_k: got 19;"),
    ("threshold = 1", "threshold = 1.01", r"\[review\] threshold: got 1.01"),
    ("threshold = 1", "threshold = nan", r"\[review\] threshold: got nan"),
    ("threshold = 1", "opacity = -0.1", r"\[review\] opacity: got -0.1"),
    ("input_size = 224", "input_size = 0", r"first\] input_size: got 0; allowed: a multiple of 32 from 32 to 1024"),
    ("input_size = 224", "input_size = 225", r"first\] input_size: got 225"),
    ("input_size = 224", "input_size = 1056", r"first\] input_size: got 1056"),
    ("ensemble_weight = 2", "ensemble_weight = -1", r"first\] ensemble_weight: got -1; allowed: .*at least 0"),
    ("ensemble_weight = 2", "ensemble_weight = inf", r"first\] ensemble_weight: got inf; allowed: a finite"),
    ("Effusion = 0.25", "Effusion = 1", r"second\] operating_points Effusion: got 1;"),
    ("Effusion = 0.25", "Effusion = 0.0", r"second\] operating_points Effusion: got 0.0;"),
    # names nobody knows
    ("top_k = 5", 'method = "grad-cam"', r'review\] method: got "grad-cam".*gradcam\+\+.*Did you mean "gradcam"'),
    ("top_k = 5", 'colormap = "viridsi"', r'review\] colormap: .*Did you mean "viridis"'),
    ("top_k = 5", 'framing = "squash"', r"review\] framing: .*one of crop, pad"),
    ("top_k = 5", "intensity = []", r"review\] intensity: got \[\].*stored, windowed"),
    ('"densenet"', '"densnet"', r'first\] model_type: got "densnet".*Did you mean "densenet"'),
    (
        'set = "clinical"\ninput_size = 512',
        'set = "clinic"\ninput_size = 512',
        r'second\] set: .*Did you mean "clinical"',
    ),
    ('["jfhealthcare-densenet121"]', '["jfhealthcare"]', r'second\] weights: got "jfhealthcare";.*Did you mean'),
    (
        '["jfhealthcare-densenet121"]',
        '["resnet50-res512-all"]',
        r'second\] weights: got "resnet50.*jfhealthcare-d.*untr',
    ),
    # what contradicts something else
    ('default_weight = "densenet121-res224-nih"', 'default_weight = "x"', r'first\] default_weight: got "x".*nih'),
    ('-nih", "untrained"]', '-nih", "densenet121-res224-nih"]', r'first\] weights: got ".*-nih" 2 times; .*once'),
    (
        "ensemble_weight = 2",
        "ensemble_weight = 0",
        r"first\] ensemble_weight: got 0 for every classifier that is not optional of the set clinical",
    ),
    (
        "ensemble_weight = 2\n",
        "optional = true\n",
        r"first\], .*second\] optional: got true for every classifier of the set clinical; allowed: at least one that",
    ),
    # a set's notice must be true of all of it
    (
        'set = "clinical"\ninput_size = 512',
        'set = "teaching"\ninput_size = 512',
        r'second\] set: got "teaching" for a jfhealthcare; allowed: "clinical" alone',
    ),
    (
        '"jfhealthcare"\nset = "clinical"\ninput_size = 512\ndefault_weight = "jfhealthcare-densenet121"\n'
        'weights = ["jfhealthcare-densenet121"]',
        '"teaching-resnet"\nset = "clinical"\ninput_size = 192\ndefault_weight = "untrained"\nweights = ["untrained"]',
        r'second\] set: got "clinical" for a teaching-resnet; allowed: "teaching" alone',
    ),
    (
        '"jfhealthcare"\nset = "clinical"\ninput_size = 512\ndefault_weight = "jfhealthcare-densenet121"\n'
        'weights = ["jfhealthcare-densenet121"]',
        '"teaching-resnet"\nset = "teaching"\ninput_size = 192\ndefault_weight = "teaching-densenet"\n'
        'weights = ["teaching-densenet"]',
        r'second\] weights: got "teaching-densenet"; allowed: one of teaching-resnet, teaching-shortcut, untrained',
    ),
    (
        '"jfhealthcare"\nset = "clinical"\ninput_size = 512\ndefault_weight = "jfhealthcare-densenet121"\n'
        'weights = ["jfhealthcare-densenet121"]',
        '"teaching-resnet"\nset = "teaching"\ninput_size = 192\ndefault_weight = "untrained"\nweights = ["untrained"]',
        r"second\] operating_points: .*has published ones",
    ),
    (PIN, PIN[:-1], r"first\] sha256 densenet121-res224-all: got .*64 hexadecimal digits"),
    (PIN, PIN[:-1] + "g", r"first\] sha256 densenet121-res224-all: got .*64 hexadecimal digits"),
    (PIN, PIN + r"\n", r"first\] sha256 densenet121-res224-all: got .*64 hexadecimal digits"),
    ('res224-all = "', 'res224-chex = "', r'first\] sha256: got the unknown key ".*-chex".*Did you mean'),
    ("densenet121-res224-all = ", "untrained = ", r'first\] sha256: got the unknown key "untrained"'),
    ("ensemble_weight = 2", "operating_points = { Mass = 0.1 }", r"first\] operating_points: .*has published ones"),
    # ids become file names
    ("[classifiers.second]", "[classifiers.ensemble]", r'classifiers\.ensemble\].*"ensemble" is reserved'),
    ("[classifiers.second]", "[classifiers.Second]", r"classifiers\.Second\]: the id becomes a file name.*lower-case"),
    ("[classifiers.second]", '[classifiers."../up"]', r"classifiers\.\.\./up\]: the id becomes a file name"),
    ("[classifiers.second]", '[classifiers."a\\n"]', r"the id becomes a file name"),
    ("[classifiers.second]", "[classifiers._a]", r"classifiers\._a\]: the id becomes a file name"),
    # what is missing
    ("input_size = 224\n", "", r"first\] input_size: the key is missing; allowed: a multiple of 32"),
    ('default_weight = "densenet121-res224-nih"\n', "", r"first\] default_weight: the key is missing"),
    # no TOML
    ("top_k = 5", "top_k =", r"not valid TOML: .*line 3, column"),
    ("top_k = 5", "top_k = 5\ntop_k = 6", r"not valid TOML: .*line 4, column"),
    ("top_k = 5", "top_k = " + "[" * 5000, r"not valid TOML"),
]


@pytest.mark.parametrize(("there", "instead", "message"), REFUSED, ids=[instead[:40] for _, instead, _ in REFUSED])
def test_bad_value_is_refused_with_file_table_key_and_what_is_allowed(tmp_path, there, instead, message):
    assert VALID.count(there) == 1, "the row must change the valid file in one place"

    with pytest.raises(ConfigError) as refusal:
        load_config(write(tmp_path, VALID.replace(there, instead)))

    assert str(refusal.value).startswith("mine.toml")
    assert re.search(message, str(refusal.value), re.DOTALL), str(refusal.value)


@pytest.mark.parametrize("text", ["", "[review]\ntop_k = 3", "[classifiers]"])
def test_configuration_without_a_classifier_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"mine\.toml, \[classifiers\]: got no classifier"):
        load_config(write(tmp_path, text))


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path):
    with pytest.raises(ConfigError, match=r"mine\.toml: byte 7 is not UTF-8"):
        load_config(write(tmp_path, b'name = "\xe9"'.replace(b' "', b'"')))


def test_missing_file_and_folder_are_refused_by_base_name(tmp_path):
    with pytest.raises(ConfigError, match=r"^absent\.toml: the file cannot be read \(No such file"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match=r"^folder\.toml: this is a folder and no file\. Check its path\.$"):
        load_config(tmp_path / "folder.toml")


def test_long_value_is_shortened_in_the_message(tmp_path):
    with pytest.raises(ConfigError) as refusal:
        load_config(write(tmp_path, VALID.replace("top_k = 5", f'method = "{"x" * 100_000}"')))

    assert len(str(refusal.value)) < 400


def test_unknown_classifier_and_set_are_refused_naming_the_known(tmp_path):
    config: Config = load_config(write(tmp_path, VALID))

    assert config.classifier("second").name == "Second"
    assert config.in_set("teaching") == ()
    with pytest.raises(ConfigError, match=r'classifier: got "secnd"; allowed: one of first, second\..*"second"'):
        config.classifier("secnd")
    with pytest.raises(ConfigError, match=r'set: got "clinic"; allowed: one of clinical, site, teaching'):
        config.in_set("clinic")


def test_weight_of_zero_for_every_classifier_is_refused_naming_all(tmp_path):
    text = VALID.replace("ensemble_weight = 2", "ensemble_weight = 0").replace("optional = true\n", "")

    with pytest.raises(
        ConfigError, match=r"first\], .*second\] ensemble_weight: got 0 for every classifier of the set"
    ):
        load_config(write(tmp_path, text))


def test_review_has_all_but_the_optional_classifiers_or_exactly_those_chosen(tmp_path):
    config = load_config(write(tmp_path, VALID))

    def chosen(*ids: str) -> list[str]:
        return [classifier.id for classifier in config.for_review("clinical", ids)]

    assert [classifier.id for classifier in config.in_set("clinical")] == ["first", "second"]
    assert [classifier.id for classifier in config.for_review("clinical")] == ["first"]
    assert chosen("second") == ["second"]
    assert chosen("second", "first", "second") == ["first", "second"], "in the order of the file"
    with pytest.raises(ConfigError, match=r'classifiers: got "secnd"; allowed: one of first, second\. .*"second"'):
        chosen("first", "secnd")
    with pytest.raises(ConfigError, match="classifiers: got none; allowed: one or more of first, second"):
        chosen()
    with pytest.raises(ConfigError, match="set: the configuration has no classifier in the set 'teaching'"):
        config.for_review("teaching")
    message = (
        r"classifiers: teaching-resnet is in the set teaching, not in the set clinical\. Choose the set teaching, or"
    )
    with pytest.raises(ConfigError, match=message):
        load_config().for_review("clinical", ["teaching-resnet"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("top_k", 0, "top_k: got 0; allowed: a whole number from 1 to 18"),
        ("threshold", 2, "threshold: got 2; allowed: a number from 0 to 1"),
        ("opacity", float("inf"), "opacity: got inf"),
        ("method", "gradcam#", "method: got \"gradcam#\"; allowed: one of gradcam"),
        ("method", None, "method: got None"),
        ("top-k", 3, 'setting: got "top-k"; .*Did you mean "top_k"'),
    ],
)  # fmt: skip
def test_bad_setting_is_refused_with_what_was_got_and_what_is_allowed(name, value, message):
    with pytest.raises(ConfigError, match=message):
        check_setting(name, value)


def test_good_settings_come_back_and_whole_numbers_become_reals_where_reals_belong():
    assert [check_setting("method", method) for method in METHODS] == list(METHODS)
    assert [check_setting("colormap", colormap) for colormap in COLORMAPS] == list(COLORMAPS)
    assert [check_setting("top_k", k) for k in (1, 18)] == [1, 18]
    assert isinstance(check_setting("threshold", 0), float)
    for name, value in asdict(ReviewDefaults()).items():
        assert check_setting(name, value) == value


def test_installed_package_takes_the_configuration_that_lies_inside_it(tmp_path, monkeypatch):
    assert default_config_path() == Path(__file__).parents[2] / "config_classifiers.toml"

    package = tmp_path / "site-packages" / "ensemble_cam"
    package.mkdir(parents=True)
    (package / "config_classifiers.toml").write_text(VALID)
    monkeypatch.setattr(config_module, "files", {"ensemble_cam": package}.get)
    assert default_config_path() == package / "config_classifiers.toml"
    assert load_config().classifiers[0].id == "first"


def test_reading_the_configuration_loads_no_heavy_package():
    script = (
        "import sys, ensemble_cam.settings.config as c; c.load_config();"
        "print(sorted({'torch', 'torchxrayvision', 'streamlit', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
