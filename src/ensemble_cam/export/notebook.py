"""A review as a notebook shows it: what to know first, the scores, the figure."""

from base64 import b64encode
from html import escape

from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call, Score
from ensemble_cam.reviewing.sentences import head_line, remarks_line, score_line, title
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE


def review_html(review: Review, figure: bytes) -> str:
    """Return a piece of HTML without scripts and addresses, for light and dark pages.

    Args:
        review: a film's.
        figure: its figure as a JPEG.
    """
    analysis = review.analysis
    names = {result.id: result.classifier.config.name for result in analysis.results} | {ENSEMBLE: "Ensemble"}
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names.values())
    rows = "".join(
        f'<tr><th scope="row">{escape(displayed(finding.label))}</th>'
        + "".join(f"<td>{_cell(analysis.score(finding, id))}</td>" for id in names)
        + "</tr>"
        for finding in analysis.findings
    )
    sentences = filter(None, (head_line(review), remarks_line(analysis), *review.warnings))
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    pictured = "; ".join(title(finding) for finding in analysis.findings)
    picture = b64encode(figure).decode()
    return (
        f"<div>{said}<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f'<img style="max-width: 100%" alt="{escape(pictured)}" src="data:image/jpeg;base64,{picture}"></div>'
    )


def _cell(score: Score | None) -> str:
    if score is None:
        return "–"
    text = escape(score_line(score))
    return f'<s style="opacity: .6">{text}</s>' if score.call is Call.MEANINGLESS else text
