// What lies over a film whose truth is known, or is asked for: contours of what was planted, and marks with their names.

// @ts-check
/** @import { Planted } from "./types.js" */
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { svgIn, shape } from "./shapes.js"

const RING = 9 // CSS pixels

export class Truth {
  /**
   * @param {State} state
   * @param {Panels} panels
   */
  constructor(state, panels) {
    this.state = state
    this.panels = panels
  }

  /** Draw it over every panel, where the film lies there now. */
  draw() {
    const { place, ratio, all } = this.panels
    const { planted } = this.state.review.header
    if (!place) return
    const on = (/** @type {number[]} */ [x, y]) => [(x * place.scale - place.left) / ratio, (y * place.scale - place.top) / ratio]
    for (const { id, screen } of all) {
      const drawn = planted ? [...contours(planted, on), ...marks(planted, on), ...hottest(planted, this.shown(id), on)] : []
      svgIn(screen, "truth").replaceChildren(...drawn)
    }
  }

  /**
   * The key of the map that a panel shows.
   *
   * @param {string} id
   */
  shown(id) {
    const { hidden, finding } = this.state.settings
    return hidden || this.state.held ? "" : `${finding} ${id}`
  }
}

/**
 * @param {Planted} planted
 * @param {(point: number[]) => number[]} on
 */
function contours({ contours }, on) {
  return contours.flatMap((line) => {
    const points = line.map(on).join(" ")
    return ["rim", "line"].map((kind) => shape("polygon", { points, class: kind }))
  })
}

/**
 * @param {Planted} planted
 * @param {(point: number[]) => number[]} on
 */
function marks({ marks }, on) {
  return marks.flatMap(({ name, at }) => {
    const [x, y] = on(at)
    const text = shape("text", { x: x + RING + 4, y: y + 4, class: "mark" })
    text.textContent = name
    return [shape("circle", { cx: x, cy: y, r: RING, class: "rim" }), shape("circle", { cx: x, cy: y, r: RING, class: "mark" }), text]
  })
}

/**
 * @param {Planted} planted
 * @param {string} key
 * @param {(point: number[]) => number[]} on
 */
function hottest({ hottest }, key, on) {
  const at = hottest[key]
  if (!at) return []
  const [cx, cy] = on(at)
  return [shape("circle", { cx, cy, r: RING, class: "rim" }), shape("circle", { cx, cy, r: RING, class: "hottest" })]
}
