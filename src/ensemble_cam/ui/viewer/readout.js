// What is under the pointer: the film's pixel, its stored value, each map's relative activation.

// @ts-check
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { element, write } from "./elements.js"
import { readPoint } from "./maps.js"

export class Readout {
  /**
   * @param {HTMLElement} line
   * @param {State} state
   * @param {Panels} panels
   */
  constructor(line, state, panels) {
    this.line = line
    this.words = element("span")
    line.replaceChildren(this.words)
    this.state = state
    this.panels = panels
    /** @type {[number, number] | null} the pixel of a panel's canvas that the pointer is at */
    this.pointer = null
  }

  /**
   * Follow the pointer.
   *
   * @param {[number, number] | null} pointer null where it left the panels
   */
  follow(pointer) {
    this.pointer = pointer
    this.renew()
  }

  /** Say anew what is under a pointer that rests, or what the colours mean. */
  renew() {
    const read = this.read()
    this.line.classList.toggle("idle", read === null)
    write(this.words, read ?? this.state.review.header.meaning)
  }

  /** What is under the pointer; null beside the film. */
  read() {
    const { state, panels, pointer } = this
    if (!pointer || !panels.place) return null
    const { film, header } = state.review
    const { left, top, scale } = panels.place
    const [edgeX, edgeY] = [(left + pointer[0] + 0.5) / scale, (top + pointer[1] + 0.5) / scale]
    const [column, row] = [Math.floor(edgeX), Math.floor(edgeY)]
    if (column < 0 || row < 0 || column >= header.film.width || row >= header.film.height) return null
    const value = film.value(column, row)
    const parts = [`x ${column}`, `y ${row}`, value === null ? "value: zoom in" : `value ${value}`]
    const { finding } = state
    for (const id of finding ? state.shownIds : []) {
      const grids = finding ? state.parts(id, finding) : []
      if (!grids.length) continue
      const activation = readPoint(edgeX, edgeY, header.geometry, grids, state.reads(id))
      parts.push(`${state.nameOf(id)} ${activation === null ? "not seen" : activation.toFixed(2)}`)
    }
    return parts.join(" · ")
  }
}
