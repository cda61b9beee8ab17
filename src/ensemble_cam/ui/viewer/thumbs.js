// The strip: the film alone, each network, the ensemble, small; one of them stands on the stage.

// @ts-check
/** @import { Finding, Place, Stale } from "./types.js" */
/** @import { State } from "./state.js" */
import { paint } from "./draw.js"
import { element, showText } from "./elements.js"

/**
 * @typedef {object} Thumb
 * @property {string} id what it shows, see `State.offered`
 * @property {HTMLButtonElement} root
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} name
 * @property {CanvasRenderingContext2D} context
 * @property {Float32Array} values
 * @property {ImageData} image
 * @property {Uint32Array} pixels of the image
 */

export class Thumbs {
  /**
   * @param {HTMLElement} box
   * @param {(id: string) => void} choose has one stand on the stage
   */
  constructor(box, choose) {
    this.box = box
    this.choose = choose
    /** @type {Thumb[]} */
    this.all = []
    this.side = 0 // of each canvas
    this.greys = new Uint8Array(0) // the film's, the same in all of them
    /** @type {Set<Thumb>} those that do not show yet what is set */
    this.due = new Set()
    /** @type {Set<Thumb>} those whose map is to be read anew */
    this.unread = new Set()
    this.turn = 0 // which of them follows a hand in the next frame
  }

  /**
   * Have these stand in the strip.
   *
   * @param {string[]} ids without any, there is no strip
   */
  build(ids) {
    this.box.hidden = !ids.length
    if (ids.join() === this.all.map(({ id }) => id).join()) return
    this.all = ids.map((id) => this.built(id))
    this.due.clear()
    this.unread.clear()
    this.turn = 0
    this.box.replaceChildren(...this.all.map(({ root }) => root))
    this.side = 0
  }

  /**
   * @param {string} id
   * @returns {Thumb}
   */
  built(id) {
    const [root, canvas, name] = [element("button", "thumb"), element("canvas"), element("span")]
    root.type = "button"
    root.dataset.of = id
    root.append(canvas, name)
    root.addEventListener("click", () => this.choose(id))
    // Tab through the strip swaps what stands on the stage.
    root.addEventListener("focus", () => root.matches(":focus-visible") && this.choose(id))
    const context = canvas.getContext("2d", { alpha: false })
    if (!context) throw new Error("The browser draws no pictures.")
    const nothing = { values: new Float32Array(0), image: new ImageData(1, 1), pixels: new Uint32Array(0) }
    return { id, root, canvas, name, context, ...nothing }
  }

  /**
   * Say which stands on the stage.
   *
   * @param {string | null} shown
   */
  mark(shown) {
    for (const { id, root } of this.all) root.setAttribute("aria-pressed", String(id === shown))
  }

  /**
   * Draw them anew: the whole film, whatever part of it the stage shows, and what each is.
   *
   * While a hand moves one of them follows in each frame, by turns, and the others when it lets go: the eye is on the
   * film.
   *
   * @param {State} state
   * @param {Finding | null} finding
   * @param {Set<Stale>} stale what has changed since the stage was drawn last
   * @param {(id: string) => { name: string, told: string, struck: string | null }} words what each is
   */
  draw(state, finding, stale, words) {
    if (!this.all.length) return
    const resized = (stale.has("size") || !this.side) && this.measure()
    if (!this.side || (!resized && stale.size === 1 && stale.has("view"))) return
    const at = { greys: this.greys, place: this.place(state), width: this.side, height: this.side, ratio: 1 }
    if (resized || stale.has("film")) state.review.film.draw(this.greys, at.place)
    for (const [place, thumb] of this.all.entries()) {
      if (resized || stale.has("maps")) this.unread.add(thumb)
      this.due.add(thumb)
      if (state.moving && !resized && place !== this.turn) continue
      paint(state, thumb, at, finding, this.unread.delete(thumb))
      if (finding) say(thumb, place, words(thumb.id))
      this.due.delete(thumb)
    }
    this.turn = (this.turn + 1) % this.all.length
    this.box.toggleAttribute("data-due", this.due.size > 0)
  }

  /**
   * A hand has let go of what it set: those that do not show it yet are to.
   *
   * @param {() => void} ask has the next frame drawn
   */
  settle(ask) {
    if (this.due.size) ask()
  }

  /** Make the canvases as large as they stand on the page; whether that has changed anything. */
  measure() {
    const side = Math.floor(this.all[0].canvas.clientWidth * Math.min(window.devicePixelRatio || 1, 2))
    if (side < 8 || side === this.side) return false
    this.side = side
    this.greys = new Uint8Array(side * side)
    for (const thumb of this.all) {
      Object.assign(thumb.canvas, { width: side, height: side })
      thumb.values = new Float32Array(side * side)
      thumb.image = new ImageData(side, side)
      thumb.pixels = new Uint32Array(thumb.image.data.buffer)
    }
    return true
  }

  /**
   * @param {State} state
   * @returns {Place}
   */
  place(state) {
    const { width, height } = state.review.header.film
    const { side } = this
    const scale = Math.min(side / width, side / height)
    return { left: (width * scale - side) / 2, top: (height * scale - side) / 2, scale, width: side, height: side }
  }
}

/**
 * Say what one shows.
 *
 * @param {Thumb} thumb
 * @param {number} place
 * @param {{ name: string, told: string, struck: string | null }} words
 */
function say({ root, name }, place, { name: written, told, struck }) {
  showText(name, `${place + 1} ${written}`, struck)
  root.title = told
  root.setAttribute("aria-label", told)
}
