// A round magnifier at the pointer: the same film and map, closer.

// @ts-check
/** @import { Panel, Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { paint } from "./draw.js"
import { element } from "./elements.js"

const TIMES = 2.5
const SIDE = 220 // CSS pixels

export class Magnifier {
  /**
   * @param {State} state
   * @param {Panels} panels
   */
  constructor(state, panels) {
    this.state = state
    this.panels = panels
    this.on = false
    /** @type {{ panel: Panel, at: [number, number] } | null} where the pointer is, in a canvas's pixels */
    this.pointer = null
    this.root = element("div", "magnifier")
    this.canvas = element("canvas")
    this.root.append(this.canvas)
    const context = this.canvas.getContext("2d", { alpha: false })
    if (!context) throw new Error("The browser draws no pictures.")
    this.context = context
    this.side = 0 // of the canvas
    this.greys = new Uint8Array(0)
    this.values = new Float32Array(0)
    this.image = new ImageData(1, 1)
    this.pixels = new Uint32Array(0)
  }

  /** Turn it on or off. */
  toggle() {
    this.on = !this.on
    this.draw()
  }

  /**
   * @param {HTMLElement} root the panel's that the pointer is over
   * @param {[number, number] | null} at null where it left
   */
  follow(root, at) {
    const panel = this.panels.all.find((each) => each.root === root)
    this.pointer = panel && at ? { panel, at } : null
    if (this.on) this.draw()
  }

  /** Draw what is under the pointer, or nothing. */
  draw() {
    const { panels, pointer, root, state } = this
    const { place, ratio } = panels
    if (!this.on || !pointer || !place || !panels.all.includes(pointer.panel)) return root.remove()
    this.measure(Math.floor(SIDE * ratio))
    const { side, greys } = this
    const scale = place.scale * TIMES
    const [x, y] = pointer.at.map((each, axis) => (each + 0.5 + (axis ? place.top : place.left)) / place.scale)
    const closer = { left: x * scale - side / 2, top: y * scale - side / 2, scale, width: side, height: side }
    state.review.film.draw(greys, closer)
    const { context, values, image, pixels } = this
    const canvas = { id: pointer.panel.id, context, values, image, pixels }
    paint(state, canvas, { greys, place: closer, width: side, height: side, ratio }, state.finding, true)
    root.style.left = `${(pointer.at[0] + 0.5) / ratio}px`
    root.style.top = `${(pointer.at[1] + 0.5) / ratio}px`
    if (root.parentElement !== pointer.panel.screen) pointer.panel.screen.append(root)
  }

  /** @param {number} side */
  measure(side) {
    if (side === this.side) return
    this.side = side
    Object.assign(this.canvas, { width: side, height: side })
    this.greys = new Uint8Array(side * side)
    this.values = new Float32Array(side * side)
    this.image = new ImageData(side, side)
    this.pixels = new Uint32Array(this.image.data.buffer)
  }
}
