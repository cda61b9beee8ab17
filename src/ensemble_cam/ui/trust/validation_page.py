"""Validate: how right the networks are on this session's films, by a table of labels that the reader hands over."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui import sets
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.films import OpenFilm, session_films
from ensemble_cam.ui.session.networks import Ready
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.table import show_table
from ensemble_cam.ui.trust.validation import (
    NO_FILES,
    Found,
    Held,
    session_validation,
    share,
    usable,
    validating,
    wish_for,
    zipped,
)
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile as Upload

    from ensemble_cam.validation.validating import Outcome

_LABELS, _RULE, _AT, _PREVALENCE, _BY = "labels", "labels rule", "labels at", "labels prevalence", "labels by"
_MARKS = "labels marks"
_TO = "\u2060–\u2060"  # between word joiners, as a line would break behind the dash
_YOUDEN, _SENSITIVITY, _ALERTS = "Youden's index", "a sensitivity to reach", "an alert rate to keep"
_COLUMNS = "file,finding,label[,patient,reader,view,device,sex,age]"


def show_validation_page() -> None:
    """Show the page."""
    held, config = session_validation(), networks.configuration()
    when_closed("validation", held.clear)
    with st.sidebar:
        set = sets.show_set_choice(config)
        st.caption(PURPOSE)
    sets.show_notice(set)
    st.markdown("#### Validate: how right are the networks on films of your own?")
    ready, absent = networks.find(networks.default_choices(config, set.name))
    for choice, error in absent.items():
        st.warning(plain(f"{choice.config.name}: {error}"))
    left, right = st.columns([1, 2.4], gap="medium")
    with left:
        _show_request(held, usable(list(session_films().values())), ready)
    with right:
        _show_found(held, ready)


def _show_request(held: Held, films: Sequence[OpenFilm], ready: Sequence[Ready]) -> None:
    st.markdown(f"**{len(films)} {'film' if len(films) == 1 else 'films'}** of this session. Open more under *Review*.")
    if any(not film.data for film in session_films().values()):
        st.caption(NO_FILES)
    upload = st.file_uploader(
        "Labels (CSV)",
        type=["csv"],
        key=_LABELS,
        help=f"{_COLUMNS}, or the labels of NIH ChestX-ray14, CheXpert, VinDr-CXR, RSNA or SIIM-ACR as published. "
        "Films are known by their files' names. The table stays in this session's memory.",
    )
    marks = st.file_uploader(
        "Where findings are: boxes or masks (optional)",
        type=["csv", "json", "png"],
        accept_multiple_files=True,
        key=_MARKS,
        help="Maps are judged by them. Boxes: file,finding,x0,y0,x1,y1 in source pixels, or those of NIH ChestX-ray14, "
        "VinDr-CXR or RSNA as published. Masks: pictures <film>_<finding>.png of the film's size, or the file of "
        "SIIM-ACR or CheXlocalize.",
    )
    rule = st.selectbox(
        "Choose operating points by", [_YOUDEN, _SENSITIVITY, _ALERTS], key=_RULE, persist_state="session"
    )
    if rule != _YOUDEN:
        words = "Sensitivity in %" if rule == _SENSITIVITY else "Alerts of 100 films, at most"
        st.text_input(words, "95" if rule == _SENSITIVITY else "10", key=f"{_AT} {rule}", persist_state="session")
    st.text_input(
        "Prevalence in % (for PPV and NPV)",
        key=_PREVALENCE,
        persist_state="session",
        placeholder="not stated",
        help="How often each finding is where the networks are to be used. The films' own share says nothing of it.",
    )
    st.text_input("Who validates (for the report)", key=_BY, persist_state="session", placeholder="not said")
    ready_to_go = bool(films) and bool(ready) and upload is not None and held.validating.job is None
    if st.button("Validate", type="primary", key="validate", disabled=not ready_to_go) and upload is not None:
        try:
            _ask(held, films, ready, upload, marks, rule)
        except ConfigError as error:
            st.error(plain(str(error)))


def _ask(
    held: Held,
    films: Sequence[OpenFilm],
    ready: Sequence[Ready],
    labels: "Upload",
    marks: Sequence["Upload"],
    rule: str,
) -> None:
    state = st.session_state
    at = state.get(f"{_AT} {rule}") or ""
    most = 100.0001 if rule == _SENSITIVITY else 100.0
    value = share(at, rule, most=most) if rule != _YOUDEN else None
    if rule != _YOUDEN and value is None:
        raise ConfigError(f"{rule}: got nothing; write a number in percent.")
    held.wish = wish_for(
        films,
        labels.getvalue(),
        labels.name,
        ready,
        marks=tuple((each.name, each.getvalue()) for each in marks),
        sensitivity=None if rule != _SENSITIVITY or value is None else min(value, 1.0),
        alert_rate=value if rule == _ALERTS else None,
        prevalence=share(state.get(_PREVALENCE) or "", "Prevalence"),
        by=(state.get(_BY) or "").strip() or None,
    )
    held.validating.begin_anew()


def _slot() -> Slot[Found]:
    return session_validation().validating


def _show_found(held: Held, ready: Sequence[Ready]) -> None:
    if held.wish is None:
        _show_welcome()
        return
    films = [film for number, _ in held.wish.films if (film := session_films().get(number)) is not None]
    config = networks.configuration()
    asked = [each for each in ready if each.choice.config.id in {id for id, _, _ in held.wish.networks}]
    found = held.validating.get(held.wish, validating(held.wish, films, asked, config), gives_way=True)
    if found is None:
        show_work(_slot, again="Validate again", key="validation")
        return
    for name, reason in found.failures:
        st.warning(plain(f"{name}: {reason}"))
    if found.outcome is None:
        st.error("No film could be used.")
        return
    _show_outcome(found.outcome)


def _show_welcome() -> None:
    st.markdown(
        "Published figures are those of other films. Hand over films whose truth somebody has written down, and a "
        "table of it:\n\n"
        "- for each finding and network the area under the ROC curve, sensitivity and specificity with their "
        "intervals, and the sentence that so few or many films allow;\n"
        "- operating points chosen on one half of the patients and reported on the other, for the configuration;\n"
        "- a report to read, to print and to file, and a model card for each network;\n"
        "- with boxes or masks, how often the maps' hottest point lies in them and how far the regions agree, beside "
        "what was published of radiologists and another network."
    )
    st.code("file,finding,label,patient\nfilm_001.dcm,Effusion,1,P1\nfilm_001.dcm,Nodule,0,P1", language=None)


def _show_outcome(outcome: "Outcome") -> None:
    record = outcome.record
    films = record["films"]
    from ensemble_cam.validation.report_words import marked_alone

    for text in (*([f"{record['notice']}."] if record["notice"] else []), *record["cautions"]):
        st.markdown(f":orange[**{plain(text)}**]")
    st.markdown(
        plain(f"{films['n']} films of {films['patients']} patients, {films['failed']} could not be used. ")
        + plain(f"Operating points are {record['choice']['rule']}.")
    )
    for text in record["remarks"]:
        st.caption(plain(text))
    _show_downloads(outcome)
    for label, of in record["findings"].items():
        _show_finding(label, of, record, outcome.contradictions.get(label, ()))
    for label in marked_alone(record):
        st.markdown(f"**{plain(displayed(label))}**")
        _show_places(label, record)


def _show_downloads(outcome: "Outcome") -> None:
    from ensemble_cam.validation.report import PAGE, POINTS, PRINTED, page, points_toml
    from ensemble_cam.validation.report_pdf import report_pdf

    record = outcome.record
    files = (
        ("Report (PDF)", PRINTED, "application/pdf", ":material/picture_as_pdf:", lambda: report_pdf(record)),
        ("Report (HTML)", PAGE, "text/html", ":material/html:", lambda: page(record)),
        ("Operating points", POINTS, "text/plain", ":material/tune:", lambda: points_toml(record, outcome.points)),
        ("Everything (ZIP)", "validation.zip", "application/zip", ":material/folder_zip:", lambda: zipped(outcome)),
    )
    with st.container(horizontal=True, gap="small"):
        for words, name, kind, icon, made in files:
            st.download_button(words, made, name, kind, on_click="ignore", icon=icon)


def _show_finding(label: str, of: Mapping[str, Any], record: Mapping[str, Any], contradicted: Sequence[str]) -> None:
    from ensemble_cam.validation.report_words import names_of

    names = names_of(record)
    st.markdown(f"**{plain(displayed(label))}**")
    rows = [
        [names[id], str(each["n"]), str(each["positives"]), _auc(each), _share(each, "sensitivity"),
         _share(each, "specificity"), *_at_chosen(each["site"])]
        for id, each in of.items()
    ]  # fmt: skip
    head = ["Network", "n", "positives", "AUC", "sensitivity", "specificity", "point chosen", "sens., other half",
            "spec., other half"]  # fmt: skip
    show_table(head, rows)
    sentences = dict.fromkeys(each["sentence"] for each in of.values())
    st.caption("  \n".join(map(plain, sentences)))
    _show_places(label, record)
    if contradicted:
        st.warning(
            plain(
                f"All networks contradict the label of {', '.join(contradicted)}: an error of the label, or a lesson."
            ),
            icon=":material/compare_arrows:",
        )


def _show_places(label: str, record: Mapping[str, Any]) -> None:
    from ensemble_cam.validation.report_words import located_table, located_words

    columns, rows = located_table(label, record)
    if rows:
        st.markdown("Where the maps lie")
        show_table(columns, [[cell.replace("–", _TO) for cell in row] for row in rows])
        st.caption("  \n".join(map(plain, located_words(label, record["places"]))))


def _auc(each: Mapping[str, Any]) -> str:
    return f"{_decimal(each['auc'])} {_span(each['auc_interval'])}"


def _share(each: Mapping[str, Any], name: str) -> str:
    return "–" if each[name] is None else f"{_decimal(each[name])} {_span(each[f'{name}_wilson'])}"


def _at_chosen(site: Mapping[str, Any]) -> list[str]:
    if "reported_on" not in site:
        return ["none", "–", "–"]
    point = site["operating_point"]
    on = site["reported_on"]
    return ["–" if point is None else f"{point:.3g}", _share(on, "sensitivity"), _share(on, "specificity")]


def _span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"({_TO.join(map(_decimal, interval))})"


def _decimal(value: float | None) -> str:
    from ensemble_cam.validation.site import decimal

    return decimal(value)
