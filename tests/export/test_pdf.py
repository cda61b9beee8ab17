"""`review.pdf` opens, is A4, holds the figure's words as text and its pictures without loss, and is always the same."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from ensemble_cam.export.figure import figure_pdf, figure_png, figure_size, laid_out
from ensemble_cam.export.folder import write_review
from ensemble_cam.reviewing.review import Review
from support import films
from support.networks import as_teaching, bright_classifier
from support.reviews import dotted, made_review
from support.sheets import sheets

FINDINGS = {"Mass": 1.5, "Pleural_Thickening": 0.5, "Edema": -1.0}


@pytest.fixture(scope="module")
def review() -> Review:
    networks = [bright_classifier(id, logits=FINDINGS, cells=cells) for id, cells in (("fine", 16), ("coarse", 8))]
    return replace(made_review(dotted(300, 360, 190, 80), classifiers=networks, top_k=3), case="17-B")


@pytest.fixture(scope="module")
def pdf(review) -> bytes:
    return figure_pdf(review)


def text_of(pdf: bytes) -> list[str]:
    """Return each page's text, in the order of writing, with single blanks."""
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in pypdfium2.PdfDocument(pdf)]


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_pages_are_the_figures_sheets_in_a4_to_a_point(review, pdf):
    document = pypdfium2.PdfDocument(pdf)

    assert len(document) == figure_size(review)[1] // 3508 == len(laid_out(review))
    for page in document:
        assert page.get_size() == pytest.approx((210 / 25.4 * 72, 297 / 25.4 * 72), abs=1)


def test_every_word_of_the_figure_is_text_on_its_page(review, pdf):
    for sheet, text in zip(sheets(review), text_of(pdf), strict=True):
        lines = [line for _, line in sheet.texts if line.strip()]
        assert len(lines) > 5
        missing = [line for line in lines if squeezed(line) not in squeezed(text)]
        assert missing == []


def test_purpose_is_on_every_page_and_what_means_nothing_is_said(pdf):
    assert all("Research and teaching use. Not for diagnosis." in text for text in text_of(pdf))

    teaching = [as_teaching(bright_classifier("a"))]
    pages = text_of(figure_pdf(made_review(dotted(300, 360, 190, 80), classifiers=teaching)))

    for text in pages:
        assert "Scores and maps of this film mean nothing." in text
        assert "Teaching set: trained on synthetic phantoms, never on patients" in text


def test_pages_look_as_the_pictures_sheets_do(review, pdf):
    """Letters are drawn by another hand: a grey value of a small picture differs where they are, and nowhere else."""
    small = (248, 351)
    png = Image.open(io.BytesIO(figure_png(review))).convert("RGB")
    for number, page in enumerate(pypdfium2.PdfDocument(pdf)):
        drawn = page.render(scale=300 / 72).to_pil().convert("RGB").resize(small, Image.Resampling.BOX)
        wanted = png.crop((0, number * 3508, 2480, (number + 1) * 3508)).resize(small, Image.Resampling.BOX)
        apart = np.abs(np.asarray(drawn).astype(int) - np.asarray(wanted)).max(axis=2)
        assert apart.mean() < 1.5
        assert (apart > 60).mean() < 0.002


def test_pictures_in_it_are_those_of_the_figure_to_the_pixel(review, pdf):
    wanted = {picture.tobytes() for sheet in sheets(review) for _, picture in sheet.pictures}
    held = set()
    for page in pypdfium2.PdfDocument(pdf):
        for each in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
            bitmap = each.get_bitmap().to_pil().convert("RGB")
            held.add(np.asarray(bitmap).tobytes())

    assert len(wanted) > 6
    assert held == wanted


def test_it_is_the_same_bytes_whenever_and_whoever_writes_it(review, pdf, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert figure_pdf(review) == pdf

    code = (
        "import sys; from support.reviews import dotted, made_review; from support.networks import bright_classifier;"
        "from ensemble_cam.export.figure import figure_pdf;"
        "review = made_review(dotted(100, 120, 60, 40), classifiers=[bright_classifier('a')]);"
        "sys.stdout.buffer.write(figure_pdf(review))"
    )
    folder = str(Path(__file__).parents[1])
    runs = [
        subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True).stdout for _ in "ab"
    ]
    assert runs[0] == runs[1]
    assert runs[0].startswith(b"%PDF-")


def test_nothing_of_the_header_and_no_time_is_in_it_and_it_says_where_it_comes_from(pdf):
    named = films.dicom(films.film(260, 300).astype(np.uint16), bits=12, PatientName="Doe^Jane", PatientID="P-4711")
    review = made_review(named)
    data = figure_pdf(review)

    about = pypdfium2.PdfDocument(data).get_metadata_dict()

    everything = " ".join([*text_of(data), *about.values()])
    assert "Doe" not in everything
    assert "4711" not in everything
    assert b"Doe" not in data
    assert {about["CreationDate"], about["ModDate"]} == {"D:20000101000000+00'00'"}
    assert about["Title"] == "Chest radiograph review"
    assert about["Author"] == ""
    assert "Research and teaching use. Not for diagnosis." in about["Subject"]
    assert review.analysis.radiograph.sha256 in about["Subject"]
    assert pypdfium2.PdfDocument(pdf).get_metadata_dict()["Title"] == "Chest radiograph review · case 17-B"


def test_it_is_written_beside_the_figure_where_it_is_asked_for(review, pdf, tmp_path):
    plain = write_review(review, tmp_path, "film")
    paper = write_review(review, tmp_path, "paper", pdf=True)

    assert not (plain / "review.pdf").exists()
    assert (paper / "review.pdf").read_bytes() == pdf
    assert (paper / "review.png").read_bytes() == (plain / "review.png").read_bytes()
    assert '"pdf": true' in (paper / "review.json").read_text()


def test_what_writes_it_is_not_loaded_for_a_figure():
    code = (
        "import sys; from support.reviews import made_review; from ensemble_cam.export.figure import figure_png;"
        "from ensemble_cam.export import folder; figure_png(made_review());"
        "print([name for name in sys.modules if name.partition('.')[0] == 'reportlab'])"
    )
    folder = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
