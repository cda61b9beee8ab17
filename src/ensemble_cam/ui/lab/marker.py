"""A film to click on: where the learner points, as networks are asked to point.

Streamlit's pictures take no clicks, so this one is a component of its own. The film travels inside the page, as all
films do. With the keyboard the arrow keys move a cross, and Enter marks.
"""

from collections.abc import Callable, Mapping

import streamlit as st

_HTML = '<div class="film" tabindex="0" role="application"><img alt="The film"><div class="cross" hidden></div></div>'

_CSS = """
.film { position: relative; cursor: crosshair; outline-offset: 2px; line-height: 0; max-width: 100%; }
.film img { width: 100%; user-select: none; -webkit-user-drag: none; }
.film[aria-disabled="true"] { cursor: default; }
.mark, .cross { position: absolute; transform: translate(-50%, -50%); pointer-events: none; }
.mark { width: 18px; height: 18px; border: 2px solid #ffb000; border-radius: 50%; box-shadow: 0 0 0 1px #000; }
.mark span {
  position: absolute; left: 22px; top: 1px; font: 600 12px/1.3 sans-serif; color: #ffb000; white-space: nowrap;
  text-shadow: 0 0 3px #000, 0 0 3px #000;
}
.mark.left span { left: auto; right: 22px; }
.cross { width: 15px; height: 15px; background:
  linear-gradient(#fff, #fff) center/1px 100% no-repeat, linear-gradient(#fff, #fff) center/100% 1px no-repeat; }
"""

_JS = """
export default ({ data, parentElement, setTriggerValue }) => {
  const film = parentElement.querySelector(".film")
  const picture = film.querySelector("img")
  const cross = film.querySelector(".cross")
  if (picture.src !== data.film) picture.src = data.film
  film.setAttribute("aria-disabled", String(!data.target))
  film.setAttribute("aria-label", data.label)
  film.querySelectorAll(".mark").forEach((mark) => mark.remove())
  for (const { name, x, y } of data.marks) {
    const mark = document.createElement("div")
    mark.className = x > 0.75 ? "mark left" : "mark"
    mark.style.left = `${100 * x}%`
    mark.style.top = `${100 * y}%`
    const text = document.createElement("span")
    text.textContent = name
    mark.append(text)
    film.append(mark)
  }
  const within = (value) => Math.min(Math.max(value, 0), 0.9999)
  const point = (x, y) =>
    data.target && setTriggerValue("point", { x: within(x), y: within(y), film: data.id, target: data.target })
  let at = [0.5, 0.5]
  film.onclick = (event) => {
    const box = picture.getBoundingClientRect()
    point((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height)
  }
  film.onkeydown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (!data.target || !(step || event.key === "Enter")) return
    event.preventDefault()
    event.stopPropagation()
    if (!step) return point(...at)
    at = at.map((value, axis) => within(value + step[axis] * (event.shiftKey ? 0.05 : 0.01)))
    cross.style.left = `${100 * at[0]}%`
    cross.style.top = `${100 * at[1]}%`
    cross.hidden = false
  }
  film.onblur = () => { cross.hidden = true }
}
"""

_component = st.components.v2.component("ensemble_cam_lab_marker", html=_HTML, css=_CSS, js=_JS)


def show_marker(
    id: str,
    source: str,
    marks: Mapping[str, tuple[float, float]],
    *,
    asks_for: tuple[str, str] | None,
    on_point: Callable[[str, float, float], None],
) -> None:
    """Show a film that can be clicked on.

    Args:
        id: tells one film from another; a click that was meant for another film is passed over.
        source: the picture, as a data URI.
        marks: what a mark is called → its (x, y) as shares of the film's width and height.
        asks_for: what the next click marks, by its name and as it is displayed; None while clicks mean nothing.
        on_point: called with what was marked and (x, y) in [0, 1) before the page runs again.
    """
    key = f"lab marker {id}"

    def take_point() -> None:
        point = st.session_state[key].get("point")
        if point and point.get("film") == id:
            on_point(str(point.get("target")), float(point["x"]), float(point["y"]))

    _component(
        key=key,
        data={
            "id": id,
            "film": source,
            "target": None if asks_for is None else asks_for[0],
            "label": "The film" if asks_for is None else f"The film; click to mark: {asks_for[1]}",
            "marks": [{"name": name, "x": x, "y": y} for name, (x, y) in marks.items()],
        },
        on_point_change=take_point,
    )
