// The panels: their elements, their layout, and the pixels that are drawn into.

// @ts-check
/** @import { FilmFacts, Place, Root } from "./types.js" */
import { element } from "./elements.js"

const PIXELS_AT_MOST = 4_000_000 // of all panels; a sharper screen than that is drawn a little coarser
const WORDS = 42 // CSS pixels that a panel's caption and note take

/**
 * @typedef {object} Panel
 * @property {string} id what it shows, see `State.offered`
 * @property {HTMLElement} root
 * @property {HTMLElement} caption
 * @property {HTMLElement} note
 * @property {HTMLElement} screen
 * @property {HTMLElement} whose the corner that says which film this is
 * @property {HTMLElement} how the corner of window and zoom
 * @property {HTMLCanvasElement} canvas
 * @property {CanvasRenderingContext2D} context
 * @property {HTMLElement} scale the bar of a length in millimetres
 * @property {HTMLElement} length what is written at it
 * @property {Float32Array} values relative activation at each of the canvas's pixels, see `readMaps`
 * @property {ImageData} image
 * @property {Uint32Array} pixels of the image
 */

export class Panels {
  /**
   * @param {HTMLElement} box
   * @param {Root} root that knows which of its elements has the focus
   * @param {(panel: HTMLElement, canvas: HTMLCanvasElement) => void} watch listens to a panel
   */
  constructor(box, root, watch) {
    this.box = box
    this.root = root
    this.watch = watch
    /** @type {Panel[]} */
    this.all = []
    this.columns = 1
    this.ratio = 1 // pixels of a canvas for a CSS pixel
    this.width = 0 // of each canvas
    this.height = 0
    this.greys = new Uint8Array(0) // the film's, the same in all of them
    /** @type {Place | null} what they show of the film, once they have been drawn */
    this.place = null
  }

  /**
   * Have these panels stand on the screen, and the focus where it was; whether they lie otherwise than before.
   *
   * @param {string[]} ids
   */
  build(ids) {
    if (ids.join() === this.all.map(({ id }) => id).join()) return false
    this.box.classList.toggle("single", ids.length === 1)
    if (ids.length === 1 && this.all.length === 1) return this.swap(ids[0])
    this.all = ids.map((id) => {
      const panel = built(id)
      this.watch(panel.root, panel.canvas)
      return panel
    })
    const focused = this.focused
    this.box.replaceChildren(...this.all.map(({ root }) => root))
    if (focused) (this.all.find(({ id }) => id === focused) ?? this.all[0]).root.focus({ preventScroll: true })
    return true
  }

  /**
   * Have the one panel show something else, in its place.
   *
   * @param {string} id
   */
  swap(id) {
    const [panel] = this.all
    panel.id = id
    panel.root.dataset.panel = id
    return false
  }

  /** The id of the panel that has the focus, or null. */
  get focused() {
    const inside = "activeElement" in this.root ? this.root.activeElement : null
    const panel = (inside ?? document.activeElement)?.closest(".panel")
    return (panel instanceof HTMLElement && panel.dataset.panel) || null
  }

  /**
   * Lay the panels out, and make their canvases as large as their screens; false where those are not on the page.
   *
   * @param {FilmFacts} film
   */
  measure(film) {
    const { box, all } = this
    const columns = this.columnsFor(film, box.clientWidth, box.clientHeight)
    const rows = Math.ceil(all.length / columns)
    box.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`
    this.columns = columns
    const { clientWidth, clientHeight } = all[0].screen
    if (clientWidth < 8 || clientHeight < 8) return false
    const most = Math.sqrt(PIXELS_AT_MOST / (clientWidth * clientHeight * all.length))
    this.ratio = Math.min(window.devicePixelRatio || 1, Math.max(most, 0.5))
    const [width, height] = [Math.floor(clientWidth * this.ratio), Math.floor(clientHeight * this.ratio)]
    this.width = width
    this.height = height
    this.greys = new Uint8Array(width * height)
    for (const panel of all) {
      Object.assign(panel.canvas, { width, height })
      panel.canvas.style.width = `${width / this.ratio}px`
      panel.canvas.style.height = `${height / this.ratio}px`
      panel.values = new Float32Array(width * height)
      panel.image = new ImageData(width, height)
      panel.pixels = new Uint32Array(panel.image.data.buffer)
    }
    return true
  }

  /**
   * As many columns as give the film the largest picture.
   *
   * @param {FilmFacts} film
   * @param {number} width
   * @param {number} height
   */
  columnsFor(film, width, height) {
    const count = this.all.length
    let [best, size] = [1, 0]
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns)
      const scale = Math.min(width / columns / film.width, (height / rows - WORDS) / film.height)
      if (scale > size * 1.08) [best, size] = [columns, scale]
    }
    return best
  }
}

/**
 * @param {string} id
 * @returns {Panel}
 */
function built(id) {
  const root = element("div", "panel")
  root.tabIndex = 0
  root.dataset.panel = id
  root.setAttribute("role", "group")
  const [words, caption, note] = [element("div", "words"), element("div", "caption"), element("div", "note")]
  const [whose, how] = [element("div", "corner whose"), element("div", "corner how")]
  const [screen, canvas, scale] = [element("div", "screen"), element("canvas"), element("div", "scale")]
  const length = element("span")
  canvas.setAttribute("role", "img")
  scale.append(length)
  screen.append(canvas, scale, whose, how)
  words.append(caption, note)
  root.append(words, screen)
  const context = canvas.getContext("2d", { alpha: false })
  if (!context) throw new Error("The browser draws no pictures.")
  const nothing = { values: new Float32Array(0), image: new ImageData(1, 1), pixels: new Uint32Array(0) }
  return { id, root, caption, note, screen, whose, how, canvas, context, scale, length, ...nothing }
}
