// Measuring by hand: the tool that is taken up, its points, and the marks that stand on the film.

// @ts-check
/** @import { History } from "./history.js" */
/** @import { Mark, Point, Tool } from "./marks.js" */
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { one } from "./elements.js"
import { POINTS, measured } from "./marks.js"
import { shape, svgIn } from "./shapes.js"

const NEXT = /** @type {Record<Tool, string[]>} */ ({
  point: ["a point"],
  distance: ["one end", "the other end"],
  angle: ["a point on one side", "the corner", "a point on the other side"],
  ellipse: ["a corner of its box", "the corner opposite"],
  ratio: ["one side of the heart", "its other side", "one side of the thorax", "its other side"],
})
// Those that a reader takes up; the one for a point is in the hand for as long as the page asks for one.
const TAKEN = /** @type {Tool[]} */ (Object.keys(POINTS).filter((tool) => tool !== "point"))
const STEPS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
])
const FAR = 10 // pixels of a step with Shift

export class Tools {
  /**
   * @param {HTMLElement} box the viewer's
   * @param {State} state
   * @param {Panels} panels
   * @param {History} history
   * @param {(point: Point) => void} answer tells Python of a point that the page asks for
   * @param {AbortSignal} signal
   */
  constructor(box, state, panels, history, answer, signal) {
    this.box = box
    this.state = state
    this.panels = panels
    this.history = history
    this.answer = answer
    this.line = one(box, ".measured")
    /** @type {Tool | null} the one that is taken up */
    this.tool = null
    /** @type {Point[]} of the mark that is begun */
    this.points = []
    /** @type {Point | null} where the next point would be */
    this.cursor = null
    /** @type {Mark[]} */
    this.marks = []
    for (const tool of TAKEN) {
      one(box, `#${tool}`).addEventListener("click", () => this.take(tool), { signal })
    }
    one(box, "#clear").addEventListener("click", () => this.clear(), { signal })
  }

  /** Begin with another film, on which nothing has been measured. */
  forget() {
    this.tool = this.asked
    this.marks = []
    this.points = []
    this.cursor = null
    this.renew()
  }

  /** The tool for the point that the page asks for; null where it asks for none. */
  get asked() {
    return this.state.review.header.planted?.asks ? /** @type {Tool} */ ("point") : null
  }

  /** Take up what the page asks for, or lay it down. */
  heed() {
    if (this.tool === "point" || !this.tool) this.tool = this.asked
    this.renew()
  }

  /**
   * Take a tool up, or lay it down.
   *
   * @param {Tool} tool
   */
  take(tool) {
    this.tool = this.tool === tool ? this.asked : tool
    this.points = []
    this.cursor = null
    if (this.tool) this.panels.all[0]?.root.focus({ preventScroll: true })
    this.renew()
  }

  /** Remove all marks. */
  clear() {
    const before = this.marks
    if (!before.length) return
    this.history.add(() => {
      this.marks = before
      this.renew()
    })
    this.marks = []
    this.renew()
  }

  /**
   * Whether a key of a panel's is for the tool: arrows move its cursor, Enter sets a point, Escape lays it down.
   *
   * @param {string} key
   * @param {boolean} shift
   */
  key(key, shift) {
    if (!this.tool) return false
    const { width, height } = this.state.review.header.film
    const step = STEPS.get(key)
    if (step) {
      const [x, y] = this.cursor ?? [width / 2, height / 2]
      const far = shift ? FAR : 1
      this.hover([
        Math.min(Math.max(x + step[0] * far, 0), width),
        Math.min(Math.max(y + step[1] * far, 0), height),
      ])
    } else if (key === "Enter" && this.cursor) this.set(this.cursor)
    else if (key === "Escape") this.take(this.tool)
    else return false
    return true
  }

  /**
   * @param {Point} point where the next one would be
   */
  hover(point) {
    if (!this.tool) return
    this.cursor = point
    this.draw()
  }

  /**
   * Set the next point; with the last one the mark stands.
   *
   * @param {Point} point
   */
  set(point) {
    const { tool } = this
    if (!tool) return
    if (tool === "point") return this.answer(point)
    this.points = [...this.points, point]
    if (this.points.length === POINTS[tool]) {
      const mark = { tool, points: this.points }
      this.marks = [...this.marks, mark]
      this.points = []
      if (tool === "ellipse" && !this.state.review.film.whole) this.state.askForDetail()
      this.history.add(() => {
        this.marks = this.marks.filter((each) => each !== mark)
        this.renew()
      })
    }
    this.renew()
  }

  /** Say what is measured and what comes next, and draw it. */
  renew() {
    for (const tool of TAKEN) {
      one(this.box, `#${tool}`).setAttribute("aria-pressed", String(tool === this.tool))
    }
    this.panels.box.toggleAttribute("data-measuring", this.tool !== null)
    const last = this.marks.at(-1)
    const asks = this.state.review.header.planted?.asks
    const point = this.tool === "point" && asks ? `a mark for ${asks}` : null
    const next = this.tool ? `Set ${point ?? NEXT[this.tool][this.points.length]}.` : ""
    const said = last ? `${this.marks.length}: ${measured(last, this.state.review.film)}` : ""
    this.line.textContent = [said, next].filter(Boolean).join(" — ")
    this.draw()
  }

  /** Draw the marks over every panel, where the film lies there now. */
  draw() {
    const { place, ratio, all } = this.panels
    if (!place) return
    /** @type {(point: Point) => Point} */
    const onScreen = ([x, y]) => [(x * place.scale - place.left) / ratio, (y * place.scale - place.top) / ratio]
    const begun = this.tool && { tool: this.tool, points: [...this.points, ...(this.cursor ? [this.cursor] : [])] }
    const marks = [...this.marks, ...(begun && begun.points.length ? [begun] : [])]
    for (const panel of all) {
      const drawn = marks.flatMap((mark, at) => this.drawn({ ...mark, points: mark.points.map(onScreen) }, mark, at + 1))
      svgIn(panel.screen, "marks").replaceChildren(...drawn)
    }
  }

  /**
   * @param {Mark} mark in a panel's CSS pixels
   * @param {Mark} own the same on the film
   * @param {number} number
   */
  drawn({ tool, points }, own, number) {
    const made = points.map(([x, y]) => shape("circle", { cx: x, cy: y, r: 2.5 }))
    if (tool === "ellipse" && points.length === 2) {
      const [[x0, y0], [x1, y1]] = points
      const [rx, ry] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2]
      made.unshift(shape("ellipse", { cx: (x0 + x1) / 2, cy: (y0 + y1) / 2, rx, ry }))
    } else {
      const lines = tool === "ratio" ? [points.slice(0, 2), points.slice(2)] : [points]
      for (const line of lines) if (line.length > 1) made.unshift(shape("polyline", { points: line.join(" ") }))
    }
    if (tool !== "point" && points.length === POINTS[tool]) {
      const [x, y] = points[points.length - 1]
      const text = shape("text", { x: x + 6, y: y - 6 })
      text.textContent = `${number}: ${measured(own, this.state.review.film)}`
      made.push(text)
    }
    return made
  }
}
