"""How a map is made: on a phantom, step by step, with the formula beside each picture.

The reader chooses finding, network and method; the numbers are those that every review's maps are made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.config import Config, known_labels
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.sets import CLINICAL, TEACHING
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui import sets
from ensemble_cam.ui.lab.state import session_lab
from ensemble_cam.ui.lab.work import LabFilm, Wish, drawing
from ensemble_cam.ui.making.steps import show_comparison, show_steps
from ensemble_cam.ui.making.work import Held, Made, making_work, session_making
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.networks import Ready, identities
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.stage import emptied
from ensemble_cam.ui.words import RELATIVE_ACTIVATION, plain

_METHODS = ("gradcam", "gradcam++", "xgradcam")  # they weigh channels; those that weigh cells have fewer steps to see
_DIFFICULTY = 0.3  # a finding that every network sees, and that does not jump to the eye
_BESIDE = ("Effusion", "Mass")  # planted, too: the first of them that is not explained
_THRESHOLD, _OPACITY = 0.1, 0.55
_FIRST_NETWORK, _FIRST_FINDING, _FIRST_SEED = "teaching-densenet", "Mass", 4


@dataclass(frozen=True)
class _View:
    """What the reader chose.

    Attributes:
        wish: the film.
        label: the finding that is explained.
        network: who explains it.
        method: of the map.
        display: what is drawn of it.
    """

    wish: Wish
    label: str
    network: Ready
    method: str
    display: Display


def show_making() -> None:
    """Show the page."""
    held, config = session_making(), networks.configuration()
    when_closed("making", held.clear)
    with st.sidebar:
        st.caption(PURPOSE)
    line = st.container()
    st.markdown("#### How a map is made")
    view = _show_choices(_ready(config))
    used = view.network.choice.config.classifier_set
    with line:
        sets.show_notice(used)
    if _is_read_blind(view.wish):
        st.info("This phantom is being read blind in the lab. Say there what you see, or choose another seed here.")
        return
    session_lab().known.add(view.wish.seed)
    film = held.drawing.get(view.wish, drawing(view.wish))
    name = "" if film is None else film.sha256[:12]
    with emptied("making", f"making-{view.wish.seed}-{name}"):
        if film is None:
            show_work(partial(_slot, "drawing"), again="Try again", key="making drawing")
            return
        for caution in used.cautions(phantom=True):
            st.warning(plain(caution), icon=":material/warning:")
        _show_map(held, film, view)
    st.caption(PURPOSE)


def _show_map(held: Held, film: LabFilm, view: _View) -> None:
    network, name = view.network, view.network.choice.config.name
    if view.label not in known_labels(network.choice.config, network.choice.weights):
        st.info(plain(f"{name} does not know {displayed(view.label)}: choose another network or finding."))
        return
    key = film.sha256, identities([network]), view.label, view.method
    made = held.making.get(key, making_work(film, network, view.label, view.method))
    if made is None:
        show_work(partial(_slot, "making"), again="Try again", key="making map")
        return
    st.markdown(plain(_line(made, name)))
    show_steps(made, view.display)
    show_comparison(made, view.display)


def _line(made: Made, name: str) -> str:
    planted = " and ".join(map(displayed, made.film.masks))
    point = "0.5 is its operating point" if made.calibrated else "uncalibrated"
    return (
        f"Phantom {made.film.wish.seed}, {planted} planted; {displayed(made.label)} is explained. "
        f"{name}: logit {made.steps.logit:.2f}, score {made.score:.2f} ({point})."
    )


def _ready(config: Config) -> list[Ready]:
    wanted = [each for set in (TEACHING, CLINICAL) for each in networks.default_choices(config, set.name)]
    return networks.find(wanted)[0]


def _show_choices(ready: Sequence[Ready]) -> _View:
    by_id = {each.choice.config.id: each for each in ready}
    columns = st.columns([1, 1.3, 1.9, 0.8, 1.2], gap="small", vertical_alignment="bottom")
    label = columns[0].selectbox(
        "Finding",
        FINDINGS,
        index=FINDINGS.index(_FIRST_FINDING),
        format_func=displayed,
        key="making finding",
        persist_state="session",
        help="It is planted, and explained. A second one is planted beside it, which the map should leave out.",
    )
    id = columns[1].selectbox(
        "Network",
        list(by_id),
        index=list(by_id).index(_FIRST_NETWORK) if _FIRST_NETWORK in by_id else 0,
        format_func=lambda id: by_id[id].choice.config.name,
        key="making network",
        persist_state="session",
    )
    method = columns[2].segmented_control(
        "Method",
        _METHODS,
        default=_METHODS[0],
        format_func=lambda name: METHODS[name].title,
        required=True,
        key="making method",
        persist_state="session",
        help="Those that give each channel one weight. The others weigh each cell.",
    )
    seed = columns[3].number_input("Seed", 0, 999_999, _first_seed(), key="making seed", persist_state="session")
    threshold = columns[4].slider(
        "Sensitivity threshold",
        0.0,
        1.0,
        _THRESHOLD,
        0.01,
        key="making threshold",
        persist_state="session",
        help=f"Relative activation below it is not drawn. Relative activation: {RELATIVE_ACTIVATION}",
    )
    wish = Wish(seed, (label, _BESIDE[label == _BESIDE[0]]), _DIFFICULTY, blind=False)
    return _View(wish, label, by_id[id], method, Display(threshold=threshold, opacity=_OPACITY))


def _first_seed() -> int:
    """Return the chest that the lab shows, where that may be seen."""
    lab = session_lab()
    return lab.seed if lab.seed is not None and lab.revealed else _FIRST_SEED


def _is_read_blind(wish: Wish) -> bool:
    lab = session_lab()
    return lab.seed == wish.seed and not lab.revealed


def _slot(kind: str) -> Slot[LabFilm] | Slot[Made]:
    held = session_making()
    return held.drawing if kind == "drawing" else held.making
