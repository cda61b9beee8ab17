// The film's corners, as on any screen for films: whose it is, and how it is shown.

// @ts-check
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { element } from "./elements.js"
import { filmKey, theStage } from "./stage.js"

/**
 * Say in each panel which film it shows and by what right, its window, and how close it is.
 *
 * @param {Panels} panels
 * @param {State} state
 */
export function sayCorners(panels, state) {
  const { header } = state.review
  const { films } = theStage()
  const key = filmKey({ number: header.number, sha256: header.film.sha256 })
  const place = films.findIndex((film) => filmKey(film) === key)
  const whose = [place < 0 ? header.set : `Film ${place + 1} of ${films.length} · ${header.set}`, header.frame.said]
  const how = [windowLine(state), zoomLine(panels), declaredLine(header.film)]
  for (const panel of panels.all) {
    write(panel.whose, whose)
    write(panel.how, how)
  }
}

/**
 * @param {HTMLElement} corner
 * @param {string[]} lines empty ones are left out
 */
function write(corner, lines) {
  const told = lines.filter(Boolean)
  if (corner.dataset.told === told.join("\n")) return
  corner.dataset.told = told.join("\n")
  corner.replaceChildren(...told.map((line) => element("div", "", line)))
}

/**
 * How the film was taken and lies: a marker that was burned in may say otherwise, and the reader sees it.
 *
 * @param {import("./types.js").FilmFacts} film
 */
function declaredLine({ view, left }) {
  const side = left ? `${left} at the left edge` : ""
  const told = [view, side].filter(Boolean).join(", ")
  return told && `${told} by its header`
}

/** @param {State} state */
function windowLine({ window: { center, width }, settings }) {
  return `C ${Math.round(center)} W ${Math.round(width)}${settings.inverted ? " inverted" : ""}`
}

/** @param {Panels} panels */
function zoomLine({ place }) {
  return place ? `zoom ${place.scale.toFixed(2)}` : ""
}
