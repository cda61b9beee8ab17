"""The steps' pictures, each with its formula, and what the map is without one of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import streamlit as st

from ensemble_cam.maps.agreement import agreement
from ensemble_cam.maps.heatmap import at_or_above, relative
from ensemble_cam.rendering.cells import bars_picture, cells_picture, mosaic, signed_picture
from ensemble_cam.rendering.overlay import paint
from ensemble_cam.rendering.screen import Screen, draw_point, draw_truth
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.making.work import Made
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import judge

_SIDE, _TILE, _GAP = 480, 150, 15  # pixels: of a picture, and of six tiles on one
_ACROSS, _CHANNELS = 3, 6
_COLOURS = Display().colormap  # of cells that stand by themselves
_HOTTEST_COLOUR = (255, 255, 255)

_WEIGHTS = {
    "gradcam": (r"w_k = \frac{1}{Z}\sum_{ij} G_{kij}", "the mean of its gradient over all Z cells"),
    "gradcam++": (
        r"w_k = \sum_{ij} \frac{G_{kij}^2 \max(G_{kij}, 0)}{2 G_{kij}^2 + G_{kij}^3 \sum_{ab} A_{kab}}",
        "the sum of its positive gradients, each by a share that is the less the more cells are active",
    ),
    "xgradcam": (
        r"w_k = \frac{\sum_{ij} G_{kij} A_{kij}}{\sum_{ij} A_{kij}}",
        "the mean of its gradient, where the channel is active most counting most",
    ),
}


def show_steps(made: Made, display: Display) -> None:
    """Show the steps in their order, two in a row where there is room."""
    last = partial(_cells, display=display), partial(_enlarged, display=display)
    steps: Sequence[Callable[[Made], None]] = (_seen, _activation, _gradients, _weights, _sum, _relu, *last)
    for first in range(0, len(steps), 2):
        for column, step in zip(st.columns(2, gap="medium"), steps[first : first + 2], strict=True):
            with column, st.container(border=True):
                step(made)


@contextmanager
def _step(title: str, picture: np.ndarray, alt: str, formula: str) -> Iterator[None]:
    """Show a step's picture, and beside it the formula and what is said inside."""
    st.markdown(f"**{title}**")
    left, right = st.columns([1, 1.15], gap="small", vertical_alignment="top")
    with left:
        show_picture(picture, alt=alt)
    with right:
        st.latex(formula)
        yield


def _seen(made: Made) -> None:
    screen = _screen(made)
    picture = screen.plain
    for mask in made.film.masks.values():
        picture = draw_truth(picture, screen.mask(mask))
    with _step("1 · The film", picture, "The film with the planted truth", r"x \in \mathbb{R}^{n \times n}"):
        st.caption(
            f"n = {made.side}: so many pixels of it the network is shown. The green lines are what was planted; the "
            f"network is not told. Below, {displayed(made.label)} alone is outlined."
        )


def _activation(made: Made) -> None:
    channels = made.steps.activation
    count, rows, columns = channels.shape
    chosen = made.steps.strongest(_CHANNELS)
    tiles = [cells_picture(relative(channels[k]), _COLOURS, _TILE) for k in chosen]
    picture = mosaic(tiles, _ACROSS, gap=_GAP)
    with _step("2 · Activation", picture, "Six channels of the activation", r"A = \mathrm{backbone}(x)"):
        st.caption(
            f"{count} channels of {rows}×{columns} cells; {_channel_list(chosen)} are shown, each over its own "
            "maximum. A channel is bright where the network found what that channel stands for, whatever the finding."
        )


def _gradients(made: Made) -> None:
    steps, chosen = made.steps, made.steps.strongest(_CHANNELS)
    most = float(np.abs(steps.gradients[chosen]).max())
    tiles = [signed_picture(steps.gradients[k], _TILE, most=most) for k in chosen]
    picture = mosaic(tiles, _ACROSS, gap=_GAP)
    formula = r"G_{kij} = \frac{\partial y}{\partial A_{kij}}"
    with _step("3 · Gradients", picture, "The gradients of the same six channels", formula):
        st.caption(
            f"How the logit y of {displayed(made.label)}, here {steps.logit:.2f}, would move if a cell were a little "
            "brighter. Red: up. Blue: down. White: not at all. The finding enters here, and nowhere else."
        )
        if _flat(steps.gradients[chosen]):
            st.caption("One colour a channel: behind a global average every cell counts the same.")
        elif all(_flat_where_active(steps.gradients[k], steps.activation[k]) for k in chosen):
            st.caption("White cells are silent, and a ReLU lets no gradient through where it lets nothing through.")


def _weights(made: Made) -> None:
    steps, chosen = made.steps, made.steps.strongest(_CHANNELS)
    formula, words = _WEIGHTS[steps.method]
    picture = bars_picture(steps.weights, (_SIDE, _SIDE * 2 // 3))
    with _step("4 · Channel weights", picture, "All channels' weights, from the largest to the least", formula):
        above = int((steps.weights > 0).sum())
        shown = ", ".join(f"{k}: {steps.weights[k]:+.1e}" for k in chosen)
        st.caption(
            f"{METHODS[steps.method].title} gives each channel one number: {words}. {above} of {len(steps.weights)} "
            f"speak for the finding. Of those shown: {shown}."
        )


def _sum(made: Made) -> None:
    total = made.steps.total
    formula = r"S_{ij} = \sum_k w_k A_{kij}"
    with _step("5 · Weighted sum", signed_picture(total, _SIDE), "The weighted sum, cell by cell", formula):
        against = (total < 0).mean()
        st.caption(
            "Channels that speak for the finding (red) and against it (blue), added up in each cell. "
            f"From {total.min():.2g} to {total.max():.2g}; {against:.0%} of the cells are below 0."
        )


def _relu(made: Made) -> None:
    picture = cells_picture(relative(made.steps.map), _COLOURS, _SIDE)
    with _step("6 · ReLU", picture, "The map on its grid", r"M_{ij} = \max(S_{ij}, 0)"):
        st.caption(
            "What speaks against the finding is cut off: the map asks where it is, not where it is not. Then it is "
            "divided by its maximum, so the brightest cell is 1 however weak it is."
        )
        if not made.steps.map.any():
            st.caption("Here nothing is left: the map is empty, and is drawn as nothing.")


def _cells(made: Made, *, display: Display) -> None:
    rows, columns = made.steps.map.shape
    formula = r"R = M / \max M"
    with _step(f"7 · The {rows}×{columns} cells", _cells_over_film(made, display), "The cells over the film", formula):
        x0, _, x1, _ = made.geometry.crop
        st.caption(
            f"This is all the map knows: {rows * columns} numbers. A cell covers {(x1 - x0) / columns:.0f} pixels of "
            "this film across. Nothing finer can be read from it."
        )


def _enlarged(made: Made, *, display: Display) -> None:
    picture = _over_film(made, made.steps.map, display)
    formula = r"R(p) = \sum_c \lambda_c(p)\, R_c"
    with _step("8 · Enlargement", picture, f"{displayed(made.label)}: the map over the film", formula):
        st.caption(
            f"Each pixel p lies between the centres of four cells c and takes a mean of theirs, the nearer counting "
            f"more (bilinear). The contour is where it reaches {display.threshold:.2f}. It is smooth because it was "
            "smoothed, not because the network saw so finely."
        )


def show_comparison(made: Made, display: Display) -> None:
    """Show the map as it is, without the ReLU, and without the gradient."""
    st.markdown("##### What changes without one of the steps")
    steps = made.steps
    shown: Sequence[tuple[str, np.ndarray, str, str]] = (
        ("As it is", steps.map, r"\max\Big(\sum_k w_k A_k,\ 0\Big)", "Compare the others with this one."),
        (
            "Without the ReLU",
            steps.without_relu,
            r"\frac{S - \min S}{\max S - \min S}",
            "Many programs stretch the sum from its lowest to its highest value. Where nothing speaks for the finding, "
            "the colour is then no longer 0; a map that ought to be empty is drawn in full.",
        ),
        (
            "Without the gradient",
            steps.without_gradient,
            r"\max\Big(\sum_k A_k,\ 0\Big)",
            "Each channel counts the same: where the network is active at all. It is the same map for every finding, "
            "so it explains none.",
        ),
    )
    for column, (title, grid, formula, words) in zip(st.columns(3, gap="medium"), shown, strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{title}**")
            show_picture(_over_film(made, grid, display), alt=f"{title}: the map over the film")
            st.latex(formula)
            st.caption(f"{words} {_measured(made, grid, display.threshold)}")


def _measured(made: Made, grid: np.ndarray, threshold: float) -> str:
    """Return how a grid stands to the truth and to the map, in words."""
    heatmap, own = made.over_film(grid), made.over_film(made.steps.map)
    judgement = judge(heatmap, made.film.masks[made.label], threshold=threshold)
    if judgement is None:
        return "The finding lies outside of what the network sees."
    if judgement.empty:
        return "**Empty.**"
    share = at_or_above(relative(grid), threshold).mean()
    hit = "in the finding or beside it" if judgement.hit else "**not in the finding**"
    text = f"Coloured: {share:.0%} of the cells, IoU with the finding {judgement.iou:.2f}. Hottest point: {hit}."
    pair = None if grid is made.steps.map else agreement([own, heatmap], threshold=threshold)
    if pair is None or pair.rank_correlation is None:
        return text
    return f"{text} Rank correlation with the map: {pair.rank_correlation:.2f}."


def _screen(made: Made) -> Screen:
    return Screen.of(made.film.radiograph.display, made.geometry, longest=_SIDE)


def _over_film(made: Made, grid: np.ndarray, display: Display) -> np.ndarray:
    screen, heatmap = _screen(made), made.over_film(grid)
    picture = draw_truth(screen.panel(heatmap, display), screen.mask(made.film.masks[made.label]))
    if heatmap.hottest is None:
        return picture
    return draw_point(picture, screen.point(heatmap.hottest), colour=_HOTTEST_COLOUR)


def _cells_over_film(made: Made, display: Display) -> np.ndarray:
    """Return the map's own cells over the film, without anything between them."""
    screen, grid = _screen(made), relative(made.steps.map)
    picture = screen.plain.copy()
    scale = len(screen.film) / made.geometry.source_size[1]
    x0, y0, x1, y1 = (round(each * scale) for each in made.geometry.crop)
    values = cv2.resize(grid, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    if values.any():
        paint(picture, (x0, y0, x1, y1), [(slice(y0, y1), values)], display)
    return draw_truth(picture, screen.mask(made.film.masks[made.label]))


def _channel_list(chosen: np.ndarray) -> str:
    return plain(f"the {len(chosen)} that move the sum most ({', '.join(map(str, chosen))})")


def _flat(gradients: np.ndarray) -> bool:
    """Whether each channel's gradient is the same in all cells."""
    return all(np.ptp(each) <= 1e-9 + 1e-5 * np.abs(each).max() for each in gradients)


def _flat_where_active(gradient: np.ndarray, activation: np.ndarray) -> bool:
    """Whether a gradient is 0 in a channel's silent cells, and the same in all others."""
    active = activation > 0
    return not gradient[~active].any() and (not active.any() or _flat(gradient[active][None]))
