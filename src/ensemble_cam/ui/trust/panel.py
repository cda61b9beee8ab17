"""*Trust this map?* below a film: a finding's maps measured on request, the figures with their meaning, and pictures.

It stands in a fragment of the page that knows which finding is looked at. What was measured is kept with the film; a
map of other networks, another method or another framing is another map, and not measured yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.trusting import Asked, Trusting, go_on
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.validation.localisation import Judgement
    from ensemble_cam.validation.trusted import TrustedMap

_TITLE = "Trust this map?"
_THOROUGH = "Sanity and stability, too"
_ENDED_HELP = "The film is changed by each map and its network asked again, and the same for the map moved elsewhere."
_STRIPS = {
    "deletion": "Deleted: the hottest parts made mean grey",
    "insertion": "Inserted: the hottest parts given back to a blurred film",
    "road_most": "Drawn over: the hottest parts from what is around them (ROAD)",
}


@dataclass(frozen=True)
class Truth:
    """What was planted of a finding, where that is known.

    Attributes:
        planted: whether it was.
        judged: classifier id → how its map stands to it.
    """

    planted: bool
    judged: "Mapping[str, Judgement | None]"


def show_trust(
    kept_of: Callable[[], Trusting | None],
    analysis: "Analysis",
    label: str,
    *,
    key: str,
    truth: Truth | None = None,
) -> None:
    """Show what was measured of a finding's maps, and let it be measured.

    Args:
        kept_of: finds the film's measured maps in this session, None if it is gone; it must hold no film.
        analysis: the film's review, whose maps may be seen.
        label: the finding that is looked at.
        key: tells the film and the page apart from others.
        truth: what is known of the finding; None for a patient's film.
    """
    kept = kept_of()
    if kept is None:
        return
    from ensemble_cam.validation.trusted import maps_of

    ids = maps_of(analysis, label)
    with st.expander(f"{_TITLE} {displayed(label)}", icon=":material/fact_check:", key=f"trust {key}"):
        if not ids:
            st.caption("No network has a map of this finding that could be measured.")
            return
        _work_on(kept_of, kept, analysis, key)
        found = kept.of(analysis, label)
        _show_request(kept_of, kept, analysis, Asked(label, ids, False), key)
        if found:
            _show_found(analysis, label, found, key, truth)


def show_trust_of_any(kept_of: Callable[[], Trusting | None], analysis: "Analysis", *, key: str) -> None:
    """Show the same for a finding that is chosen here, where no viewer says which one is looked at."""
    labels = [each.label for each in analysis.findings]
    if not labels:
        return
    label = labels[0]
    if len(labels) > 1:
        label = st.selectbox("Finding to be measured", labels, format_func=displayed, key=f"trusted {key}")
    show_trust(kept_of, analysis, label, key=key)


def _work_on(kept_of: Callable[[], Trusting | None], kept: Trusting, analysis: "Analysis", key: str) -> None:
    """Go on with what was asked for, whichever finding is looked at meanwhile, and show how far it is."""
    if go_on(kept, analysis) and (asked := kept.asked) is not None:
        show_work(partial(_slot_of, kept_of), again=f"Measure {displayed(asked.label)} again", key=f"trust {key}")


def _slot_of(kept_of: Callable[[], Trusting | None]) -> "Slot[int] | None":
    kept = kept_of()
    return None if kept is None else kept.measuring


def _show_request(
    kept_of: Callable[[], Trusting | None], kept: Trusting, analysis: "Analysis", asked: Asked, key: str
) -> None:
    from ensemble_cam.validation.trust_words import NOT_RIGHT

    st.caption(plain(NOT_RIGHT))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        thorough = st.toggle(
            _THOROUGH,
            key=f"thorough {key}",
            help="Does the map change when what was learned is taken away, and hold still when the film hardly "
            "changes? Takes several times as long.",
        )
        wanted = Asked(asked.label, asked.ids, thorough)
        is_asked = kept.asked is not None and kept.asked.label == asked.label  # it goes on, or offers to begin again
        if (left := kept.lacks(analysis, wanted)) and not is_asked:
            maps = "this map" if len(left) == 1 else f"these {len(left)} maps"
            st.button(
                f"Measure {maps}",
                on_click=_ask,
                args=(kept_of, wanted),
                key=f"measure {key}",
                type="primary",
                disabled=kept.measuring.job is not None,
                help=_ENDED_HELP,
            )


def _ask(kept_of: Callable[[], Trusting | None], asked: Asked) -> None:
    if (kept := kept_of()) is not None:
        kept.ask(asked)


def _show_found(
    analysis: "Analysis", label: str, found: "Mapping[str, TrustedMap]", key: str, truth: Truth | None
) -> None:
    names = {id: analysis.result(id).classifier.config.name for id in found}
    _show_table(found, names, truth)
    ids = list(found)
    chosen = ids[0]
    if len(ids) > 1:
        picked = st.segmented_control(
            "In detail",
            ids,
            default=ids[0],
            required=True,
            format_func=lambda id: names[id],
            key=f"detail {key} {label}",
        )
        chosen = picked if picked in found else ids[0]
    _show_one(analysis, label, chosen, found[chosen], truth)


def _show_table(found: "Mapping[str, TrustedMap]", names: Mapping[str, str], truth: Truth | None) -> None:
    from ensemble_cam.validation.trust_words import AGAINST_ELSEWHERE, grade

    head = ["Map of", "The network uses what it shows", "ROAD ↑", "Deletion ↓", "Insertion ↑"]
    head += [] if truth is None else ["It lies where the finding is"]
    rows: list[list[str | Marked]] = []
    for id, one in found.items():
        row: list[str | Marked] = [names[id], _as_meant(grade(one).value, one, None)]
        row += [_beside(one, metric) for metric in AGAINST_ELSEWHERE]
        if truth is not None:
            row.append(_right(truth, id))
        rows.append(row)
    show_table(head, rows)
    st.caption("In logits, and in brackets those of the same map at another place of the film. ✓ it does better there.")


def _beside(one: "TrustedMap", metric: str) -> str | Marked:
    from ensemble_cam.validation.trust_words import better_than_elsewhere, figure

    own, elsewhere = one.value(metric), one.elsewhere(metric)
    if own is None:
        return "–"
    text = figure(own) if elsewhere is None else f"{figure(own)} ({figure(elsewhere)})"
    return _as_meant(text, one, better_than_elsewhere(one, metric))


def _as_meant(text: str, one: "TrustedMap", speaks: bool | None) -> str | Marked:
    if one.meaningless:
        return Marked(text, Mark.MEANINGLESS)
    return text if speaks is None else Marked(text, Mark.RIGHT if speaks else Mark.WRONG)


def _right(truth: Truth, id: str) -> str | Marked:
    judged = truth.judged.get(id)
    if judged is None:
        return "not planted" if not truth.planted else "–"
    return Marked("hit", Mark.RIGHT) if judged.hit else Marked("miss", Mark.WRONG)


def _show_one(analysis: "Analysis", label: str, id: str, one: "TrustedMap", truth: Truth | None) -> None:
    from ensemble_cam.export.curves import curves_picture
    from ensemble_cam.validation import trust_words
    from ensemble_cam.validation.measures import panels_of

    if one.meaningless:
        st.markdown(f":orange[**{plain(MEANINGLESS_LINE)}**]")
    st.markdown(f"**{plain(trust_words.headline(one))}**")
    if truth is not None and not one.meaningless:
        said = trust_words.right_or_faithful(trust_words.grade(one), truth.judged.get(id))
        if said:
            st.markdown(f":violet[**{plain(said)}**]")
    if one.own.reason is not None:
        return
    signs = {True: "✓", False: "✗", None: "·"}
    lines = [
        f"{signs[each.speaks]} **{plain(each.title)}**: {plain(each.words)}" for each in trust_words.statements(one)
    ]
    st.markdown("  \n".join(f":small[{each}]" for each in lines))
    maps = [one.own, *([one.moved] if one.moved is not None else [])]
    panels = [each for each in panels_of(maps) if not each.title.startswith("ROAD")]
    for column, panel in zip(st.columns(2, gap="small"), panels, strict=False):
        with column:
            show_picture(curves_picture([panel]), alt=f"Curve. {panel.title}")
    for column, removed in zip(st.columns(3, gap="small"), one.removed, strict=False):
        with column:
            grey = np.repeat(removed.picture[:, :, None], 3, axis=2)
            show_picture(grey, alt=_STRIPS[removed.curve])
            st.caption(plain(f"{_STRIPS[removed.curve]}. {_shares(removed.logits, one.whole)}"))
    _offer_curves(analysis, label, id, one)


def _shares(logits: tuple[float, ...], whole: float) -> str:
    from ensemble_cam.validation.trust_words import figure
    from ensemble_cam.validation.trusted import GONE

    parts = [f"{share:.0%}: {figure(logit)}" for share, logit in zip(GONE, logits, strict=True)]
    return f"Logit at {', '.join(parts)}; of the film {figure(whole)}"


def _offer_curves(analysis: "Analysis", label: str, id: str, one: "TrustedMap") -> None:
    name = f"trust_{analysis.radiograph.sha256[:12]}_{label}_{id}".replace(" ", "_")
    st.download_button(
        "Curves (PNG)",
        partial(curves_of, analysis, id, one),
        f"{name}.png",
        "image/png",
        on_click="ignore",
        icon=":material/show_chart:",
        help="All four curves, with what they are of and the words that belong to them.",
    )


def curves_of(analysis: "Analysis", id: str, one: "TrustedMap") -> bytes:
    """Return the curves of a map with the words that belong to them, as a PNG."""
    from ensemble_cam.export.record import weights_record
    from ensemble_cam.validation.measures import picture
    from ensemble_cam.validation.subjects import Subject

    maps = [one.own, *([one.moved] if one.moved is not None else [])]
    subject = Subject(analysis.radiograph.sha256, one.meaningless, (), (), 0, 0)
    record = weights_record(analysis.result(id).classifier)
    return picture(maps, record, subject, analysis.classifier_set.notice or "")
