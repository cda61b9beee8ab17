"""What the command line says of wrong usage: one line on standard error, the fact and the remedy, and nothing else."""

import os
import re
import shlex
import socket
from pathlib import Path

import pytest

from ensemble_cam import cli
from ensemble_cam.ui import launch
from support import films

# Wherever it says what is allowed, the table's patterns say a part of it.
USAGE = [
    # the command
    ("", r"COMMAND: missing\. See `ensemble-cam --help`\."),
    ("reviw", r"COMMAND: got 'reviw'; allowed: one of app, review, .+, bench\. Did you mean \"review\"\?"),
    ("--verison", r"--verison: there is no such option\. Did you mean \"--version\"\?"),
    ("review", r"FILE, --out: missing\. See `ensemble-cam review --help`\."),
    ("review film.png", r"--out: missing\. See `ensemble-cam review --help`\."),
    ("review film.png --out", r"--out: its value is missing\. See `ensemble-cam review --help`\."),
    ("review film.png --ot out", r"--ot: there is no such option\. Did you mean \"--out\"\?"),
    ("review film.png --out out --frobnicate", r"--frobnicate: there is no such option\. See `.+ review --help`\."),
    (
        "review film.png --out out --s teaching",
        r"--s: could be --set, --summary, --sc-jpeg, --seg-fractional, --save-maps\. Write it out\.",
    ),
    ("review film.png --out out --quiet=yes", r"--quiet: got 'yes', and it takes no value\. Leave the value out\."),
    # films and folders, before the weights, which are not here
    ("review absent.png --out out", r"absent\.png: there is no such file or folder\. Check the path\."),
    ("review film.png absent/ --out out", r"absent: there is no such file or folder\. Check the path\."),
    ("review a b c d e --out out", r"a, b, c and 2 more: there is no such file or folder\. Check the path\."),
    ("review 'no\nfilm\x1b[2J' --out out", r"no\\nfilm\\x1b\[2J: there is no such file or folder\. Check the path\."),
    ("review empty --out out", r"empty: the folder holds no files\. Name a film, or a folder with films in it\."),
    (
        "review texts --out out",
        r"texts: the folder holds no film, 4 left out \(hidden: \.hidden; no film by its name: "
        r"DICOMDIR, autorun\.inf; neither picture nor DICOM: notes\.txt\)\. Name .+",
    ),
    ("review film.png --out film.png", r"--out: film\.png is no folder\. Choose another place for the reviews\."),
    ("review film.png --out film.png/out", r"--out: film\.png is no folder\. Choose another place for the reviews\."),
    ("review film.png --out out --log no/log", r"--log: log cannot be written \(No such .+\)\. Choose another file\."),
    ("review film.png --out out --config no.toml", r"no\.toml: the file cannot be read \(.+\)\. Check its path\."),
    ("review film.png --out out --case a/b", r"--case: got \"a/b\"; allowed: up to 64 letters, digits, blanks and .+"),
    ("review film.png --out out --case ..", r"--case: got \"\.\.\"; allowed: .+"),
    ("review film.png --out out --case ''", r"--case: got \"\"; allowed: .+"),
    ("review film.png --out out --case con", r"--case: got \"con\"; allowed: .+"),
    (f"review film.png --out out --case {'9' * 65}", r"--case: got \"9+\"; allowed: up to 64 .+"),
    ("review film.png --out out --case 7 --anonymous-names", r"--anonymous-names: does not go with --case\. Leave .+"),
    # an archive
    ("archive", r"FILM, --out: missing\. See `ensemble-cam archive --help`\."),
    ("archive absent.png --out out", r"absent\.png: there is no such file or folder\. Check the path\."),
    ("archive 'no/*.png' --out out", r"no/\*\.png: no file matches this pattern\. Check the path\."),
    ("archive film.png --out film.png", r"--out: film\.png is no folder\. Choose another place for the reviews\."),
    ("archive film.png --out out --maps --scores-only", r"--scores-only: does not go with --maps\. Leave one .+"),
    ("archive film.png --out out --engine ray", r"--engine: got 'ray'; allowed: one of local, dask\."),
    ("archive film.png --out out --workers 0", r"--workers: got '0'; allowed: a whole number of at least 1\."),
    ("archive film.png --out out --scheduler tcp://a:1", r"--scheduler: a scheduler is Dask's\. Add --engine dask\."),
    (
        "archive film.png --out out --engine dask --scheduler tcp://a:1 --workers 2",
        r"--workers: a cluster that is there has its own workers\. Leave --workers or --scheduler out\.",
    ),
    ("archive film.png --out out --top-k 0", r"top_k: got 0; allowed: a whole number from 1 to 18\."),
    # any network
    ("explain film.png --out out", r"--network: missing\. See `ensemble-cam explain --help`\."),
    ("explain absent.png --out out --network timm:x", r"absent\.png: there is no such file or folder\. Check .+"),
    ("explain film.png --out film.png --network timm:x", r"--out: film\.png is no folder\. Choose another place .+"),
    ("explain film.png --out out --network resnet18", r"network: got 'resnet18'; allowed: torchvision:NAME, timm:.+"),
    ("explain film.png --out out --network x:y --method rolout", r"--method: got .+ Did you mean \"rollout\"\?"),
    ("explain film.png --out out --network x:y --fusion max", r"fusion: it is of method rollout alone\. Leave it .+"),
    ("explain film.png --out out --network x:y --method rollout --discard 1", r"discard: got 1\.0; allowed: a .+"),
    ("explain film.png --out out --network x:y --output sofmax", r"--output: got .+ Did you mean \"softmax\"\?"),
    ("explain film.png --out out --network x:y --mean a,b", r"--mean: got 'a'; allowed: a number\."),
    ("explain film.png --out out --network file:no.toml", r"no\.toml: the file cannot be read \(.+\)\. Check its .+"),
    ("layers --network torchvision:resnet81", r"network: torchvision has no classifier 'resnet81'\. Did you mean .+"),
    ("layers --network torchvision:resnet18 --input-size 8", r"input_size: got 8; allowed: a whole number from 16 .+"),
    # classifiers
    ("review film.png --out out --set clinicl", r"--set: got 'clinicl'; allowed: .+ Did you mean \"clinical\"\?"),
    ("review film.png --out out --classifiers densenet", r"classifiers: got \"densenet\"; .+ mean \"densenet121\"\?"),
    ("review film.png --out out --classifiers ' ,'", r"classifiers: got none; allowed: one or more of densenet121, .+"),
    (
        "review film.png --out out --weights resnet50",
        r"--weights: got 'resnet50'; allowed: a classifier's id, = and .+",
    ),
    ("review film.png --out out --weights rsnet50=untrained", r"weights: got some for 'rsnet50'; .+ \"resnet50\"\?"),
    (
        "review film.png --out out --weights densenet121=densenet121-res224-ni",
        r"weights of densenet121: got 'densenet121-res224-ni'; allowed: .+ mean \"densenet121-res224-nih\"\?",
    ),
    ("review film.png --out out --ensemble-weight one", r"--ensemble-weight: got 'one'; allowed: a classifier's id.+"),
    ("review film.png --out out --ensemble-weight one=x", r"--ensemble-weight one: got 'x'; allowed: a number of at.+"),
    ("review film.png --out out --ensemble-weight one=-1", r"--ensemble-weight one: got '-1'; allowed: a number of.+"),
    ("review film.png --out out --ensemble-weight one=nan", r"--ensemble-weight one: got 'nan'; allowed: a number.+"),
    (
        "review film.png --out out --ensemble-weight resnet=1",
        r"ensemble weight: got one for 'resnet'; .+ mean .+",
    ),
    (
        "review film.png --out out --classifiers resnet50 --ensemble-weight resnet50=0",
        r"ensemble weights: all are 0\. Give at least one classifier a weight above 0\.",
    ),
    ("review film.png --out out --device cudo", r"--device: got 'cudo'; allowed: .+ Did you mean \"cuda\"\?"),
    ("review film.png --out out --runtime opnvino", r"--runtime: got 'opnvino'; .+ Did you mean \"openvino\"\?"),
    # maps and drawing
    ("review film.png --out out --top-k 0", r"top_k: got 0; allowed: a whole number from 1 to 18\."),
    ("review film.png --out out --top-k many", r"--top-k: got 'many'; allowed: a whole number\."),
    ("review film.png --out out --top-k 2 --labels Mass", r"--labels: does not go with --top-k\. Leave one .+"),
    (
        "review film.png --out out --labels Efusion",
        r"labels: got 'Efusion', .+ Did you mean \"Effusion\"\? Kno.+",
    ),
    ("review film.png --out out --labels ''", r"labels: got '', which no classifier here knows\. Known: .+\."),
    ("review film.png --out out --method gradcam+", r"--method: got 'gradcam\+'; .+ Did you mean \"gradcam\+\+\"\?"),
    ("review film.png --out out --method GradCAM", r"--method: got 'GradCAM'; .+ Did you mean \"gradcam\"\?"),
    (
        "review film.png --out out --layers sevral",
        r"layers: got 'sevral', and no classifier .+ Did you mean \"several\"\?",
    ),
    (
        "review film.png --out out --layers denseblock4",
        r"layers: none of denseblock4 is a layer of resnet50\. Name one of its own, .+ layer4\.",
    ),
    (
        "review film.png --out out --layers ,layer4",
        r"layers: got \",layer4\"; allowed: last, several, or names of layers .+",
    ),
    ("review film.png --out out --framing crp", r"--framing: got 'crp'; .+ Did you mean \"crop\"\?"),
    ("review film.png --out out --intensity stord", r"--intensity: got 'stord'; .+ Did you mean \"stored\"\?"),
    ("review film.png --out out --threshold 1.5", r"threshold: got 1\.5; allowed: a number from 0 to 1\."),
    ("review film.png --out out --threshold nan", r"threshold: got nan; allowed: a number from 0 to 1\."),
    ("review film.png --out out --threshold high", r"--threshold: got 'high'; allowed: a number\."),
    ("review film.png --out out --opacity -1", r"opacity: got -1\.0; allowed: a number from 0 to 1\."),
    ("review film.png --out out --colormap infermo", r"--colormap: got 'infermo'; .+ Did you mean \"inferno\"\?"),
    # the app
    ("app --port 0", r"--port: got '0'; allowed: a whole number from 1 to 65535\."),
    ("app --port 99999999", r"--port: got '99999999'; allowed: a whole number from 1 to 65535\."),
    ("app --port http", r"--port: got 'http'; allowed: a whole number from 1 to 65535\."),
    ("app --port", r"--port: its value is missing\. See `ensemble-cam app --help`\."),
    ("app --prot 80", r"--prot: there is no such option\. Did you mean \"--port\"\?"),
    (
        "app --address 0.0.0.0",
        r"--address: on 0\.0\.0\.0 everybody who .+ Leave --address out, .+ who may read, or add --i-know-.+-read\.",
    ),
    ("app --address ::", r"--address: on :: everybody who reaches this machine can open the app, .+"),
    ("app --address films.example", r"--address: on films\.example everybody who .+"),
    ("app --address http://localhost", r"--address: got 'http://localhost'; allowed: a name or an address alone, .+"),
    (
        "app --address 192.0.2.1 --i-know-that-everybody-can-read",
        r"--address: 192\.0\.2\.1 is no address of this machine\. Choose another one\.",
    ),
    ("app --base-path ../films", r"--base-path: got '\.\./films'; allowed: letters, digits, .+"),
    ("app --base-path https://films.example", r"--base-path: got 'https://films\.example'; allowed: letters, .+"),
    ("app --allow-host films.example:80", r"--allow-host: got 'films\.example:80'; allowed: a name or an address .+"),
    ("app --allow-host '*'", r"--allow-host: got '\*'; allowed: .+, without http://, port, path or \*\."),
    ("app --allow-host", r"--allow-host: its value is missing\. See `ensemble-cam app --help`\."),
    ("app film.png", r"film\.png: nothing takes this here\. See `ensemble-cam --help`\."),
    ("app --config no.toml", r"no\.toml: the file cannot be read \(.+\)\. Check its path\."),
    # readers
    ("readers", r"ACTION: missing\. See `ensemble-cam readers --help`\."),
    ("readers report --session empty --out a.csv", r"--out: got a name that ends in .\.csv.; allowed: FILE\.pdf\."),
    ("readers exprt", r"ACTION: got 'exprt'; allowed: .+ Did you mean \"export\"\?"),
    ("readers export --out a.csv", r"--session: missing\. See `ensemble-cam readers export --help`\."),
    ("readers export --session empty --out a.txt", r"--out: got a name that ends in '\.txt'; allowed: FILE\.csv\."),
    (
        "readers truth --session a --out a.pdf",
        r"--out: got a name that ends in '\.pdf'; allowed: FILE\.csv, FILE\.json\.",
    ),
    ("readers truth --session a --out a.csv --coco", r"--out: got a name that ends in '\.csv'; allowed: FILE\.json\."),
    (
        "readers list film.png --session out --order split",
        r"--order split: nothing is known of the films\. Add --known DIR\.",
    ),
    (
        "readers list film.png --session out --known empty",
        r"empty: neither `review` nor `archive` has written there\..+",
    ),
    ("readers study", r"ACTION: missing\. See `ensemble-cam readers study --help`\."),
    (
        "readers study plan film.png --labels a.csv --finding Mas --readers A --out a.json",
        r"--finding: no classifier here knows 'Mas'\. Did you mean \"Mass\"\?",
    ),
    (
        "readers study export --study no.json --session a --out a.csv",
        r"--session: got 1; a study has 2 sittings\. Give it twice\.",
    ),
    ("readers study export --study no.json --session a --session b --out a.csv", r"no\.json: .+ Check its path\."),
    ("readers export --session empty --out a.csv", r"There is no session\.sqlite in this folder\. Name the folder .+"),
    # weights
    ("weights", r"ACTION: missing\. See `ensemble-cam weights --help`\."),
    ("weights lst", r"ACTION: got 'lst'; allowed: one of list, verify, fetch\. Did you mean \"list\"\?"),
    ("weights list --weight-dir .", r"--weight-dir: there is no such option\. Did you mean \"--weights-dir\"\?"),
    (
        "weights list --against-upstream",
        r"--against-upstream: there is no such option\. See `.+ weights list --help`\.",
    ),
    (
        "weights fetch resnet50-res512-al",
        r"weights: got 'resnet50-res512-al'; .+ mean \"resnet50-res512-all\"\?",
    ),
    # phantoms
    ("phantom", r"--out: missing\. See `ensemble-cam phantom --help`\."),
    ("phantom --out out --count 0", r"--count: got '0'; allowed: a whole number of at least 1\."),
    ("phantom --out out --size 12y", r"--size: got '12y'; allowed: a side in pixels, such as 1024, or WIDTHxHEIGHT\."),
    ("phantom --out out --bits 12", r"--bits: got '12'; allowed: one of 8, 16\."),
    ("phantom --out out --format dcm", r"--format: got 'dcm'; allowed: one of png, dicom\. Did you mean .+"),
    ("phantom --out out --finding Nodul", r"finding: got \"Nodul\"; allowed: .+ Did you mean \"Nodule\"\?"),
    ("phantom --out out --difficulty hard", r"--difficulty: got 'hard'; allowed: a number\."),
    ("phantom --out film.png", r"The phantom could not be written \(.+\)\..+"),
    # speed
    ("bench --set teching", r"--set: got 'teching'; allowed: .+ Did you mean \"teaching\"\?"),
    ("bench --top-k few", r"--top-k: got 'few'; allowed: a number of at least 1, or all\."),
    ("bench --runs 0", r"--runs: got '0'; allowed: a whole number of at least 1\."),
]


@pytest.fixture(autouse=True)
def folder(own_home, tmp_path, monkeypatch) -> Path:
    """A working folder with a film, an empty folder and one without films; no weights are on this machine."""
    folder = tmp_path / "work"
    for name in ("empty", "texts"):
        (folder / name).mkdir(parents=True)
    (folder / "film.png").write_bytes(films.png(films.film()))
    for name in ("notes.txt", "DICOMDIR", "autorun.inf", ".hidden"):
        (folder / "texts" / name).write_text("no film")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(launch, "run_app", lambda **_: pytest.fail("the app was started"))
    return folder


def ran(*arguments: str) -> int | str | None:
    try:
        return cli.main(arguments)
    except SystemExit as stop:  # the parser's own refusals
        return stop.code


@pytest.mark.parametrize(("line", "words"), USAGE, ids=[line or "nothing" for line, _ in USAGE])
def test_wrong_usage_is_one_line_that_says_the_remedy_and_nothing_is_done(line, words, folder, capfd):
    before = sorted(folder.rglob("*"))

    assert ran(*shlex.split(line)) == 2

    printed = capfd.readouterr()
    assert re.fullmatch(rf"ensemble-cam: {words}\n", printed.err), printed.err
    assert printed.out == ""
    assert sorted(folder.rglob("*")) == before


def test_port_that_is_taken_is_said_before_the_app_starts(capfd):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        assert ran("app", "--port", str(port)) == 2

    assert capfd.readouterr() == (
        "",
        f"ensemble-cam: --port: {port} is taken by another program, perhaps by an app that is open already. "
        "Choose another one, or leave --port out.\n",
    )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is forbidden here to whoever runs it")
def test_folder_that_cannot_be_written_to_is_said_before_the_weights(folder, capfd):
    (folder / "locked").mkdir(mode=0o500)

    assert ran("review", "film.png", "--out", "locked/out") == 2

    words = r"--out: nothing can be written to locked \(Permission denied\)\. Choose another folder, or change its .+"
    assert re.fullmatch(rf"ensemble-cam: {words}\n", capfd.readouterr().err)
