"""Shows a review's objects in OHIF, a viewer that hospitals know, and says whether it draws them.

    uv run python benchmarks/ohif.py --out looks [--ohif FOLDER]

A phantom with a spacing goes into an Orthanc of this run's own, is reviewed by the teaching set, and its objects are
sent there by the program's own words. OHIF, as its package has it (`npm pack @ohif/app`, or the folder `dist` of one
that was unpacked), is served beside that archive on loopback, and opened in Chromium. It prints for the film, the
Secondary Capture and the segmentation how much of the picture has a colour: of a film the viewer's own marks, more of
an overlay and of regions drawn over it. Pictures of the screen lie in `--out`, to be looked at. It exits with 1 where
one is not drawn.

It needs Orthanc, Chromium and npm, and is no part of the tests: the package is fifty megabytes to fetch.
"""

import argparse
import http.server
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Page, sync_playwright

from ensemble_cam import cli
from support.archives import Orthanc, running_orthanc
from support.browsing import CHROMIUM
from support.dicom_films import phantom_dx, with_header

PACKAGE = "@ohif/app@3.13.2"
STUDY = "1.2.826.0.1.3680043.8.498.9"
_CONFIGURATION = {
    "routerBasename": "/",
    "showStudyList": True,
    "extensions": [],
    "modes": [],
    "defaultDataSourceName": "here",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "here",
            "configuration": {
                "friendlyName": "of this run",
                "name": "here",
                "wadoUriRoot": "/dicom-web",
                "qidoRoot": "/dicom-web",
                "wadoRoot": "/dicom-web",
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "supportsFuzzyMatching": False,
                "supportsWildcard": False,
            },
        }
    ],
}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".html": "text/html"}
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


def main() -> int:
    """Show the objects, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where pictures of the screen go")
    parser.add_argument("--ohif", type=Path, help="the folder dist of its package; fetched by npm without")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        dist = options.ohif or fetched(folder)
        (folder / "orthanc").mkdir()
        with running_orthanc(folder / "orthanc") as orthanc:
            fill(orthanc, folder)
            with serving(dist, orthanc) as address:
                shares = looked_at(address, options.out)
    print(*(f"{what}: {share:.2%} of the picture has a colour" for what, share in shares.items()), sep="\n")
    bare = shares.pop("film")  # but for the viewer's own marks
    return 0 if bare < 0.01 and all(share > bare + 0.01 for share in shares.values()) else 1


def fetched(folder: Path) -> Path:
    """Fetch OHIF's package by npm, and return its folder."""
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as opened:
        opened.extractall(folder, filter="data")
    return folder / "package" / "dist"


def fill(orthanc: Orthanc, folder: Path) -> None:
    """Put a phantom and its review's objects into the archive, by the program's own words."""
    film = with_header(phantom_dx(), StudyInstanceUID=STUDY, PatientName="Phantom^Drawn", PatientID="P1", Modality="DX")
    orthanc.put(film)
    (folder / "film.dcm").write_bytes(film)
    options = ["--set", "teaching", "--top-k", "1", "--dicom", "sc,seg", "--quiet"]
    for command in (
        ["review", str(folder / "film.dcm"), "--out", str(folder / "reviews"), *options],
        ["pacs", "send", "--url", orthanc.url, str(folder / "reviews"), "--quiet"],
    ):
        if cli.main(command):
            raise SystemExit(f"ensemble-cam {command[0]} failed.")


@contextmanager
def serving(dist: Path, orthanc: Orthanc) -> Iterator[str]:
    """Serve OHIF, and the archive under its address, which a browser needs to be the same."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/dicom-web/"):
                return self.hand_on()
            if path == "/app-config.js":
                return self.say(f"window.config = {json.dumps(_CONFIGURATION)};".encode(), _TYPES[".js"])
            file = dist / path.lstrip("/")
            file = file if file.is_file() and dist.resolve() in file.resolve().parents else dist / "index.html"
            return self.say(file.read_bytes(), _TYPES.get(file.suffix, "application/octet-stream"))

        def hand_on(self) -> None:
            asked = urllib.request.Request(orthanc.rest + self.path, headers={"Accept": self.headers["Accept"]})
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    self.say(answer.read(), answer.headers["Content-Type"])
            except urllib.error.HTTPError as error:
                self.send_error(error.code)

        def say(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def looked_at(address: str, out: Path) -> dict[str, float]:
    """Open the study, show one object after the other, and return how much of each picture has a colour."""
    shares = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/viewer?StudyInstanceUIDs={STUDY}")
        page.locator("canvas.cornerstone-canvas").first.wait_for()
        for closing in ("Skip all", "Confirm and hide"):  # its tour, and its notice
            page.get_by_text(closing).first.click()
        for what, series in {
            "film": None,
            "Secondary Capture": "Ensemble-CAM overlays",
            "segmentation": "Ensemble-CAM regions",
        }.items():
            if series is not None:
                page.get_by_text(series).first.dblclick()
            page.wait_for_timeout(6_000)
            if series is not None and "regions" in series and page.get_by_text("Yes").count():
                page.get_by_text("Yes").first.click()
                page.wait_for_timeout(4_000)
            page.screenshot(path=out / f"{what.replace(' ', '_').lower()}.png")
            shares[what] = coloured(page)
        browser.close()
    return shares


def coloured(page: Page) -> float:
    """Return which share of the largest canvas's pixels has a colour."""
    canvas = page.locator("canvas.cornerstone-canvas").first
    pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
    return float(np.mean(pixels.max(axis=2) - pixels.min(axis=2) > 40))


if __name__ == "__main__":
    sys.exit(main())
