"""The sidebar: films, what is drawn, which findings, and which classifiers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from ensemble_cam.film.geometry import Framing
from ensemble_cam.film.radiograph import Intensity
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.settings.config import ClassifierConfig, Config, ReviewDefaults, known_labels
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import AUG_SMOOTH, EIGEN_SMOOTH, LAYERS, METHODS, SEVERAL_LAYERS, Recipe
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.settings import Settings, displayed
from ensemble_cam.settings.vocabulary import COLORMAPS
from ensemble_cam.ui import sets
from ensemble_cam.ui.session import choices as held
from ensemble_cam.ui.session import films
from ensemble_cam.ui.session.controls import Controls
from ensemble_cam.ui.session.networks import Choice, default_choices
from ensemble_cam.ui.session.stage import listed_films, show_film_list
from ensemble_cam.ui.viewer.payload import COLORMAP_NOTES
from ensemble_cam.ui.words import RELATIVE_ACTIVATION, plain

_FRAMINGS: Mapping[Framing, str] = {
    "crop": "Centre square, as the networks were trained",
    "pad": "Whole film, padded to a square",
}
_INTENSITIES: Mapping[Intensity, str] = {
    "stored": "Stored values, as the networks were trained",
    "windowed": "Windowed, as on the screen",
}
T = TypeVar("T")

_BY_SCORE, _BY_NAME = "Highest scores", "By name"
_READ_FIRST = "read first"
_STILL, _FAILED = "still pictures", "viewer failed"


def show_film_picker(defaults: ReviewDefaults) -> None:
    """Show the uploader and, for several films, which one is on the stage and what is known of them."""
    films.show_uploader(
        "Open films",
        "PNG, JPEG, TIFF, BMP or DICOM, told apart by content. Films stay on this machine and in this session.",
    )
    show_film_list(films_told(defaults))


def films_told(defaults: ReviewDefaults) -> list[dict[str, object]]:
    """Return what the list tells of the films now."""
    return listed_films(read_first=st.session_state.get(_READ_FIRST, False), threshold=defaults.threshold)


def show_read_first() -> bool:
    """Show the switch that keeps scores and maps back, of all films; return whether it is on."""
    return st.toggle(
        "Read first",
        key=_READ_FIRST,
        persist_state="session",
        help="Hides scores and maps of every film until you ask for them.",
    )


def show_controls(config: Config, film: films.OpenFilm | None, *, read_first: bool) -> Controls:
    """Show every other control and return what is set; all of it outlives a visit to another page.

    Args:
        config: the classifiers and the defaults.
        film: the one on the stage; what of it the networks see is set for it alone.
        read_first: what `show_read_first` returned.
    """
    defaults = config.review
    still = held.chosen(_STILL, False)
    display = Display(defaults.threshold, defaults.opacity, defaults.colormap)
    if still:
        display = _show_display(defaults)
    set = sets.show_set_choice(config)
    with st.expander("Classifiers"):
        shown = [_show_classifier(each, weighed=still) for each in config.in_set(set.name)]
        choices = tuple(choice for choice in shown if choice is not None)
    with st.expander("Findings and method", expanded=False):
        top_k, labels = _show_findings(choices, defaults.top_k)
        recipe = _show_recipe(defaults)
    with st.expander("What the networks see"):
        framing = _radio("Framing", _FRAMINGS, defaults.framing, "framing")
        intensity = _radio("Pixels of a DICOM film", _INTENSITIES, defaults.intensity, "intensity")
        pixels = Pixels(intensity) if film is None else _show_film_switches(film, intensity)
    _show_still_choice()
    return Controls(
        set=set,
        display=display,
        settings=Settings(
            top_k=top_k,
            labels=labels,
            method=recipe.method,
            layers=recipe.layers,
            aug_smooth=recipe.aug_smooth,
            eigen_smooth=recipe.eigen_smooth,
            framing=framing,
            ensemble_weights={choice.config.id: choice.ensemble_weight for choice in choices},
        ),
        choices=choices,
        pixels=pixels,
        read_first=read_first,
        live=not still,
    )


def fixed_controls(config: Config, finding: str) -> Controls:
    """Return what is set in a readers' study, where readers set nothing: what the configuration begins with.

    Args:
        config: the classifiers and the defaults.
        finding: that the study asks for.
    """
    defaults, set = config.review, sets.chosen_set(config)
    choices = default_choices(config, set.name)
    return Controls(
        set=set,
        display=Display(defaults.threshold, defaults.opacity, defaults.colormap),
        settings=Settings(
            top_k=defaults.top_k,
            labels=(finding,),
            method=defaults.method,
            layers=defaults.layers,
            aug_smooth=defaults.aug_smooth,
            eigen_smooth=defaults.eigen_smooth,
            framing=defaults.framing,
            ensemble_weights={choice.config.id: choice.ensemble_weight for choice in choices},
        ),
        choices=choices,
        pixels=Pixels(defaults.intensity),
        read_first=True,
        live=not held.chosen(_STILL, False),
    )


def _show_film_switches(film: films.OpenFilm, intensity: Intensity) -> Pixels:
    """Show what can be done to this film's pixels before the networks see them."""
    number, read = film.id.number, film.radiograph
    rescale = (read is not None and read.narrow_range) and st.checkbox(
        "Stretch this film's narrow range",
        key=f"stretch {number}",
        persist_state="session",
        help="The film uses less than a third of its declared range.",
    )
    negative = st.checkbox(
        "Turn grey values",
        key=f"negative {number}",
        persist_state="session",
        help="For a film that was saved as a negative: turns it round for the screen and the networks alike. To look "
        "at a film inverted, and leave the networks as they are, use Invert in the viewer.",
    )
    return Pixels(intensity, rescale, negative)


def _show_still_choice() -> None:
    st.toggle(
        "Still pictures",
        held.start(_STILL, held.chosen(_STILL, False)),
        help="Shows panels that are drawn by the server, for browsers in which the live viewer cannot run.",
        **held.bound(_STILL),
    )
    reason = st.session_state.get(_FAILED)
    if reason and held.chosen(_STILL, False):
        st.caption(plain(f"The live viewer cannot run in this browser ({reason}). Still pictures stand in for it."))


def fall_back_to_stills(reason: str) -> None:
    """Let still pictures stand in for the live viewer from the next run of the page on, and say why."""
    st.session_state[_FAILED] = reason
    held.put(_STILL, True)


def _show_display(defaults: ReviewDefaults) -> Display:
    """Show how still pictures are drawn."""
    threshold = st.slider(
        "Sensitivity threshold",
        0.0,
        1.0,
        defaults.threshold,
        0.01,
        key="threshold",
        persist_state="session",
        help=f"Relative activation below it is not drawn. Relative activation: {RELATIVE_ACTIVATION}",
    )
    opacity = st.slider("Opacity", 0.0, 1.0, defaults.opacity, 0.05, key="opacity", persist_state="session")
    colormap = _select("Colours", COLORMAPS, defaults.colormap, "colormap", lambda c: c + COLORMAP_NOTES.get(c, ""))
    _show_colour_bar(colormap, threshold)
    return Display(threshold, opacity, colormap, overlays=st.session_state.get("overlays", True))


def _select(label: str, options: Sequence[str], default: str, key: str, name: Callable[[str], str] = str) -> str:
    start = options.index(default)
    return st.selectbox(label, options, index=start, format_func=name, key=key, persist_state="session")


def _radio(label: str, options: Mapping[T, str], default: T, key: str) -> T:
    names = list(options)
    start = names.index(default)
    return st.radio(label, names, index=start, format_func=lambda name: options[name], key=key, persist_state="session")


def _show_colour_bar(colormap: str, threshold: float) -> None:
    """Show what the colours mean: nothing below the threshold, then the colour map up to 1."""
    table = colour_table(colormap)
    stops = [f"rgb{tuple(int(c) for c in table[level])} {level / 2.55:.1f}%" for level in range(0, 256, 15)]
    start = f"{threshold * 100:.0f}%"
    st.html(
        f'<div style="height:10px;background:linear-gradient(90deg,#3a3a3a {start},transparent {start}),'
        f'linear-gradient(90deg,{",".join(stops)})" role="img" aria-label="Colours from the threshold to 1"></div>'
        '<div style="display:flex;justify-content:space-between;font-size:.72rem;opacity:.75">'
        "<span>0</span><span>relative activation</span><span>1</span></div>"
    )


def _show_classifier(config: ClassifierConfig, *, weighed: bool) -> Choice | None:
    used = st.checkbox(
        plain(config.name),
        value=not config.optional,
        key=f"use {config.id}",
        persist_state="session",
        help=plain(config.description),
    )
    if config.optional:
        st.caption(plain(config.description))  # what is offered has to say what for
    if not used:
        return None
    weights = config.default_weight
    if len(config.weights) > 1:
        weights = st.selectbox(
            f"Weights of {config.name}",
            config.weights,
            index=config.weights.index(config.default_weight),
            key=f"weights {config.id}",
            persist_state="session",
            label_visibility="collapsed",
        )
    if not weighed:  # the live viewer does that
        return Choice(config, weights, config.ensemble_weight)
    share = st.number_input(
        f"Ensemble weight of {config.name}",
        0.0,
        max(10.0, config.ensemble_weight),
        config.ensemble_weight,
        0.25,
        key=f"ensemble weight {config.id}",
        persist_state="session",
    )
    return Choice(config, weights, share)


def _show_findings(choices: Sequence[Choice], top_k: int) -> tuple[int, tuple[str, ...] | None]:
    named = st.segmented_control(
        "Findings",
        [_BY_SCORE, _BY_NAME],
        default=_BY_SCORE,
        required=True,
        key="findings",
        persist_state="session",
        help="Those that the figure and the files hold. Methods that take long for each map make no others.",
    )
    if named == _BY_SCORE:
        return st.number_input("How many", 1, 18, top_k, key="top k", persist_state="session"), None
    known = sorted(
        {label for choice in choices for label in known_labels(choice.config, choice.weights)}, key=displayed
    )
    labels = st.multiselect(
        "Which", known, format_func=displayed, placeholder="Choose findings", key="labels", persist_state="session"
    )
    if not labels:
        st.caption(f"No finding is chosen: the {top_k} with the highest scores are shown.")
    return top_k, tuple(labels) or None


def _show_recipe(defaults: ReviewDefaults) -> Recipe:
    """Let the reader choose how maps are made; what does not go with the method is not offered."""
    method = _select("Method", tuple(METHODS), defaults.method, "method", lambda name: METHODS[name].title)
    told = METHODS[method]
    st.caption(f"Shows {told.shows}. Costs {told.costs}.")
    st.caption(f"⚠ {told.beware[0].upper()}{told.beware[1:]}.")

    def tick(label: str, name: str, start: bool, text: str, conflicts: Sequence[str]) -> bool:
        possible = not conflicts
        ticked = st.checkbox(
            label, value=start, key=name, persist_state="session", disabled=not possible, help=f"Shows {text}."
        )
        return ticked and possible

    several = tick(
        "Two layers", "layers", defaults.layers == "several", SEVERAL_LAYERS, Recipe.conflicts(method, layers="several")
    )
    aug_smooth = tick(
        "Average six changed films",
        "aug smooth",
        defaults.aug_smooth,
        AUG_SMOOTH,
        Recipe.conflicts(method, aug_smooth=True),
    )
    eigen_smooth = tick(
        "Principal component",
        "eigen smooth",
        defaults.eigen_smooth,
        EIGEN_SMOOTH,
        Recipe.conflicts(method, eigen_smooth=True),
    )
    named = defaults.layers not in LAYERS and not Recipe.conflicts(method, layers=defaults.layers)
    layers = "several" if several else defaults.layers if named else "last"
    return Recipe(method, layers=layers, aug_smooth=aug_smooth, eigen_smooth=eigen_smooth)
