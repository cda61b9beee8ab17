"""Which set of classifiers is in use, and what stands on every screen of the teaching set.

One set is never swapped for the other by itself: the set changes when the reader asks for it, and at no other time.
"""

import streamlit as st

from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.sets import CLINICAL, SETS, ClassifierSet
from ensemble_cam.ui import fetching
from ensemble_cam.ui.session import choices, networks
from ensemble_cam.ui.words import plain

_SET = "set"


def offered_sets(config: Config) -> tuple[ClassifierSet, ...]:
    """Return the sets that the configuration has classifiers of."""
    return tuple(each for name, each in SETS.items() if config.in_set(name))


def chosen_set(config: Config) -> ClassifierSet:
    """Return the set in use.

    A session opens with the clinical one if any of its weights are on this machine, else with the site's own if any of
    those are, and else with the teaching one.
    """
    if _SET not in st.session_state:
        offered = offered_sets(config)
        there = (each for each in offered if networks.find(networks.default_choices(config, each.name))[0])
        choices.chosen(_SET, next(there, offered[-1]).name)
    return SETS[choices.chosen(_SET, CLINICAL.name)]


def is_without_weights(config: Config) -> bool:
    """Whether not one of the clinical classifiers can be used."""
    return not networks.find(networks.default_choices(config, CLINICAL.name))[0]


def show_set_choice(config: Config) -> ClassifierSet:
    """Let the reader choose the set, where there are several; return it."""
    offered = offered_sets(config)
    chosen = chosen_set(config)
    if len(offered) == 1:
        return offered[0]
    st.segmented_control(
        "Classifier set",
        [each.name for each in offered],
        default=choices.start(_SET, chosen.name),
        format_func=lambda name: SETS[name].title,
        required=True,
        width="stretch",
        help="Clinical: released networks that learned from patients' films; their weights are fetched once. Teaching: "
        "small networks in this program that learned from drawn phantoms, for learning how maps are read. Site's own: "
        "what the configuration brings of other networks.",
        **choices.bound(_SET),
    )
    return chosen


def show_notice(set: ClassifierSet, film: Radiograph | None = None) -> None:
    """Show the set's line, if it has one, where it stays while the page is scrolled. Every page shows it first.

    The page's style has its colours and makes it stay.

    Args:
        set: the set in use.
        film: the film on the screen; what has to be said of it beside this set stands there, too.
    """
    if line := set.notice:
        warned = () if film is None else set.cautions(phantom=film.phantom)
        with st.container(key="teaching-line-warned" if warned else "teaching-line"):
            st.markdown(plain(" · ".join((line, *warned))))


def show_set(config: Config, set: ClassifierSet) -> None:
    """Say why the teaching set is in use, and offer the clinical one; nothing where the clinical one is in use."""
    wanted = networks.default_choices(config, CLINICAL.name)
    if not set.learned_from_phantoms or not wanted:
        return
    ready, absent = networks.find(wanted)
    broken = not all(map(networks.is_missing, absent.values()))
    with st.container(key="teaching-set", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_reason(len(ready), len(absent), broken=broken), width="stretch")
        if ready:
            st.button("Use the clinical set", on_click=use_set, args=(CLINICAL.name,), type="primary")
        if absent:
            fetching.show_offer(absent, key=CLINICAL.name)


def _reason(ready: int, absent: int, *, broken: bool) -> str:
    if not ready and broken:
        return "In use because the clinical weights on this machine cannot be used. It is for drawn phantoms alone."
    if not ready:
        return "In use because the clinical weights are not on this machine. It is for drawn phantoms alone."
    here = "The clinical weights are on this machine" if not absent else "Some clinical weights are on this machine"
    return f"{here}, and are not used until you say so."


def use_set(name: str) -> None:
    """Change the set; the callback of a button."""
    choices.put(_SET, name)
