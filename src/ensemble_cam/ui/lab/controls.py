"""The phantom lab's sidebar: which film to draw next, which networks to ask, and what is drawn of their maps."""

import secrets
from dataclasses import dataclass

import streamlit as st

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.sets import CLINICAL, SETS, TEACHING, ClassifierSet
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui import sets
from ensemble_cam.ui.lab.state import session_lab
from ensemble_cam.ui.lab.work import Wish
from ensemble_cam.ui.session import choices as held
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.networks import Choice
from ensemble_cam.ui.words import plain

_SEEDS = 1_000_000  # the networks learned from films of higher seeds
_DIFFICULTIES = {"Any": None, "Plain": 0.0, "Medium": 0.5, "Borderline": 1.0}
_AT_RANDOM, _CHOSEN = "At random", "Chosen"

# Keys of widgets that callbacks read.
_BLIND, _WHICH, _LABELS, _DIFFICULTY, _SEED = "lab blind", "lab which", "lab labels", "lab difficulty", "lab seed"


@dataclass(frozen=True)
class View:
    """What the reader set for looking at maps.

    Attributes:
        set: the set of classifiers.
        choices: its classifiers; those with an ensemble weight of 0 do not count in the ensemble.
        truth: whether the contour of the truth is drawn.
        method: of the maps.
    """

    set: ClassifierSet
    choices: tuple[Choice, ...]
    truth: bool
    method: str


def show_film_choice() -> None:
    """Show what can be asked of the next film."""
    blind = held.chosen(_BLIND, False)
    st.toggle(
        "Read blind",
        held.start(_BLIND, blind),
        help="The next film comes with findings at random, and truth, scores and maps stay hidden until you have said "
        "what is there.",
        **held.bound(_BLIND),
    )
    which = st.segmented_control(
        "Planted findings",
        [_AT_RANDOM, _CHOSEN],
        default=_AT_RANDOM,
        required=True,
        key=_WHICH,
        persist_state="session",
        disabled=blind,
        width="stretch",
    )
    if which == _CHOSEN and not blind:
        st.multiselect(
            "Which",
            FINDINGS,
            format_func=displayed,
            placeholder="None: a normal film",
            key=_LABELS,
            persist_state="session",
            label_visibility="collapsed",
        )
    st.selectbox(
        "Difficulty",
        list(_DIFFICULTIES),
        key=_DIFFICULTY,
        persist_state="session",
        help="Plain findings are large and dense; borderline ones are hardly to be seen.",
    )
    seed = held.chosen(_SEED, 12)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(
            "Seed",
            0,
            _SEEDS - 1,
            held.start(_SEED, seed),
            help="The same seed gives the same chest, whichever findings are planted.",
            **held.bound(_SEED),
        )
        st.button("Draw", on_click=_draw, key="lab draw")


def _draw() -> None:
    """Ask for the film that is set; a button's callback."""
    state, lab = st.session_state, session_lab()
    blind = state[_BLIND]
    if blind and (state[_SEED] in lab.known or (lab.revealed and lab.seed == state[_SEED])):
        st.toast(f"The truth of phantom {state[_SEED]} was seen already: another one is drawn.")
        held.put(_SEED, secrets.randbelow(_SEEDS))
    chosen = None if blind or state[_WHICH] == _AT_RANDOM else tuple(state.get(_LABELS) or ())
    lab.want(Wish(state[_SEED], chosen, _DIFFICULTIES[state[_DIFFICULTY]], blind))


def draw_next() -> None:
    """Ask for a film of a random seed; a button's callback."""
    held.put(_SEED, secrets.randbelow(_SEEDS))
    _draw()


def begin_blind() -> None:
    """Ask for a film of a random seed, to be read blind; a button's callback."""
    held.put(_BLIND, True)
    draw_next()


def show_view(config: Config) -> View:
    """Show which networks are asked, and whether the truth is drawn; the viewer has all else."""
    defaults = config.review
    set = _show_set_choice(config)
    choices = networks.default_choices(config, set.name)
    choices += tuple(_optional(config, set.name))
    truth = st.toggle("Contour of the truth", True, key="lab truth", persist_state="session")
    return View(set, choices, truth, defaults.method)


def _show_set_choice(config: Config) -> ClassifierSet:
    """Let the reader choose the set where the clinical one is there; the teaching one comes first."""
    offered = [each for each in (TEACHING, CLINICAL) if config.in_set(each.name)]
    kept = st.session_state.get("lab set") == CLINICAL.name  # a set changes when the reader asks for it, and only then
    if len(offered) > 1 and sets.is_without_weights(config) and not kept:
        offered.remove(CLINICAL)
    if len(offered) == 1:
        return offered[0]
    chosen = st.segmented_control(
        "Networks",
        [each.name for each in offered],
        default=offered[0].name,
        format_func=lambda name: SETS[name].title,
        required=True,
        key="lab set",
        persist_state="session",
    )
    return SETS[chosen]


def _optional(config: Config, set: str) -> list[Choice]:
    """Offer the set's optional classifiers, each as a case of its own: they do not count in the ensemble here."""
    found = []
    for each in config.in_set(set):
        if not each.optional:
            continue
        help = f"{each.description}. It is shown beside the others and does not count in the ensemble."
        if st.toggle(plain(each.name), key=f"lab use {each.id}", persist_state="session", help=plain(help)):
            found.append(Choice(each, each.default_weight, 0.0))
    return found
