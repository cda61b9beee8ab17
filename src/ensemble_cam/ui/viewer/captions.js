// What is written at the panels, and the legend of the classifiers' marks.

// @ts-check
/** @import { Classifier, Finding, Header } from "./types.js" */
/** @import { Panel } from "./panels.js" */
/** @import { State } from "./state.js" */
/** @import { Words } from "./words.js" */
import { element, showText, write } from "./elements.js"
import { FILM } from "./state.js"

/**
 * Say over each panel whose map of a finding it shows, and what that says; or that it shows the film alone.
 *
 * @param {Panel[]} panels
 * @param {Finding | null} finding
 * @param {Header} header
 * @param {Words} words
 */
export function captionPanels(panels, finding, header, words) {
  if (!finding) {
    const [panel] = panels
    showText(panel.caption, "The film", null)
    panel.root.classList.remove("below", "meaningless")
    write(panel.note, header.withheld ? "its maps are kept back, as they mean nothing" : header.outside)
    panel.root.setAttribute("aria-label", "The film alone")
    panel.canvas.setAttribute("aria-label", "The film")
    return
  }
  for (const panel of panels) {
    const { caption, note, call, struck } = words.panel(panel.id, finding)
    const alone = panel.id === FILM
    showText(panel.caption, panels.length === 1 && !alone ? `${finding.name} · ${caption}` : caption, struck)
    write(panel.note, note)
    panel.note.title = note
    panel.root.classList.toggle("below", call === "not called")
    panel.root.classList.toggle("meaningless", struck !== null)
    panel.root.setAttribute("aria-label", caption)
    panel.canvas.setAttribute("aria-label", alone ? caption : `${finding.name}: map of ${caption}. ${note}`)
  }
}

/**
 * Show which mark is whose.
 *
 * @param {HTMLElement} legend
 * @param {Classifier[]} classifiers
 */
export function showLegend(legend, classifiers) {
  const items = classifiers.map(({ id, name, colour, calibrated, meaningless }) => {
    const item = element("span")
    item.dataset.of = id
    const kind = meaningless ? "meaningless" : calibrated ? "" : "diamond"
    const mark = element("i", kind, meaningless ? "×" : "")
    if (!meaningless) mark.style.background = colour
    item.append(mark, meaningless ? `${name} (meaningless)` : calibrated ? name : `${name} (uncalibrated)`)
    return item
  })
  legend.replaceChildren(...items)
}

/**
 * Have all that is of a network look so where its weight is 0: marks, legend, pictures.
 *
 * @param {ParentNode} box
 * @param {State} state
 */
export function markWeightless(box, state) {
  for (const each of box.querySelectorAll("[data-of], [data-panel]")) {
    if (!(each instanceof HTMLElement || each instanceof SVGElement)) continue
    const id = each.dataset.of ?? each.dataset.panel ?? ""
    each.classList.toggle("weightless", state.settings.weights[id] === 0)
  }
}
