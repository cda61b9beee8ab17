// A box or an outline that a hand draws on the film in one stroke: pressed, drawn, let go; or by keys, corner by corner.

// @ts-check
/** @import { Point } from "./marks.js" */
/** @import { Panels } from "./panels.js" */
/** @import { NetworkOutline, ReaderShape, Said } from "./types.js" */
import { shape } from "./shapes.js"

/** @type {Map<string, Point>} */
const STEPS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
])
const FAR = 10 // pixels of a step with Shift, as the tools that measure have it
const A_STEP = 2 // CSS pixels between two points of an outline
const MOST = 2000 // points, as `readers.truth` has it

/** @typedef {"box" | "outline"} Kind */

export class Drawing {
  /**
   * @param {Panels} panels
   * @param {{ at: (event: PointerEvent) => Point | null, changed: () => void, drawn: (kind: Kind, points: Point[]) => void }} hand
   *   `at` is where an event is on the film; `drawn` takes what is finished
   * @param {AbortSignal} signal
   */
  constructor(panels, hand, signal) {
    this.panels = panels
    this.hand = hand
    /** @type {Kind | null} what the next stroke draws */
    this.kind = null
    /** @type {Point[]} of the stroke under way, on the film */
    this.points = []
    /** @type {Point | null} where keys would set the next corner, on the film */
    this.cursor = null
    this.pressed = false // whether a stroke is under way
    /** @type {[number, number]} where it was last, CSS pixels of the page */
    this.last = [0, 0]
    const { box } = panels
    const stroke = { capture: true, signal }
    box.addEventListener("pointerdown", (event) => this.down(event), stroke)
    box.addEventListener("pointermove", (event) => this.move(event), stroke)
    box.addEventListener("pointerup", (event) => this.up(event), stroke)
    box.addEventListener("pointercancel", () => this.take(null), stroke)
  }

  /**
   * Take a pencil up, or lay it down.
   *
   * @param {Kind | null} kind
   */
  take(kind) {
    this.kind = this.kind === kind ? null : kind
    this.points = []
    this.cursor = null
    this.pressed = false
    this.panels.box.toggleAttribute("data-measuring", this.kind !== null)
    this.hand.changed()
    if (this.kind) this.panels.all[0]?.root.focus({ preventScroll: true })
  }

  /** The corners of what is drawn so far. @returns {Point[]} */
  get corners() {
    const points = [...this.points, ...(this.cursor ? [this.cursor] : [])]
    return this.kind === "box" ? cornersOf(points) : points
  }

  /**
   * Whether a key of a panel's is for the pencil: arrows move its point, Enter sets a corner, Backspace takes the last one
   * back, Escape lays it down. A box has two corners; an outline ends where a corner is set twice.
   *
   * @param {string} key
   * @param {boolean} shift
   * @param {Point} size the film's width and height
   */
  key(key, shift, [width, height]) {
    const { kind, cursor, points } = this
    if (!kind || this.pressed) return false
    const step = STEPS.get(key)
    if (step) {
      const [x, y] = cursor ?? [Math.round(width / 2), Math.round(height / 2)]
      const [across, down] = step.map((each) => each * (shift ? FAR : 1))
      this.cursor = [Math.min(Math.max(x + across, 0), width), Math.min(Math.max(y + down, 0), height)]
    } else if (key === "Enter") this.set(kind, cursor ?? [Math.round(width / 2), Math.round(height / 2)])
    else if (key === "Backspace" && points.length) this.points = points.slice(0, -1)
    else if (key === "Escape") this.take(null)
    else return false
    this.hand.changed()
    return true
  }

  /**
   * @param {Kind} kind
   * @param {Point} corner
   */
  set(kind, corner) {
    const [x, y] = this.points.at(-1) ?? []
    const again = x === corner[0] && y === corner[1]
    const points = again ? this.points : [...this.points, corner]
    this.cursor = corner
    this.points = points
    if (kind === "box" ? points.length < 2 : !again || points.length < 3) return
    this.take(null)
    this.hand.drawn(kind, points)
  }

  /**
   * What is drawn so far, and where keys would set the next corner.
   *
   * @param {{ scale: number, left: number, top: number }} place
   * @param {number} ratio
   */
  begun(place, ratio) {
    const corners = around(this.corners, place, ratio, "begun")
    if (!this.cursor) return corners
    const [x, y] = on(this.cursor, place, ratio)
    return [...corners, shape("path", { d: `M${x - 9} ${y}H${x + 9}M${x} ${y - 9}V${y + 9}`, class: "cursor" })]
  }

  /** @param {PointerEvent} event */
  down(event) {
    const at = this.kind && event.button === 0 && event.target instanceof HTMLCanvasElement ? this.hand.at(event) : null
    if (!at) return
    hold(event)
    if (event.target instanceof HTMLCanvasElement) event.target.setPointerCapture(event.pointerId)
    this.points = [at]
    this.cursor = null
    this.pressed = true
    this.last = [event.clientX, event.clientY]
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.pressed) return
    hold(event)
    const at = this.hand.at(event)
    const far = Math.hypot(event.clientX - this.last[0], event.clientY - this.last[1]) >= A_STEP
    if (!at || !far || this.points.length >= MOST) return
    this.points = this.kind === "box" ? [this.points[0], at] : [...this.points, at]
    this.last = [event.clientX, event.clientY]
    this.hand.changed()
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { kind, points } = this
    if (!kind || !this.pressed) return
    hold(event)
    this.take(kind)
    if (points.length > 1) this.hand.drawn(kind, points)
  }
}

/**
 * The four corners of a box of which two that are opposite are known.
 *
 * @param {Point[]} points
 * @returns {Point[]}
 */
function cornersOf(points) {
  if (points.length < 2) return points
  const [[x0, y0], [x1, y1]] = points
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ]
}

/**
 * @param {ReaderShape} shape
 * @param {{ scale: number, left: number, top: number }} place
 * @param {number} ratio
 */
export function outlined({ name, kind, points, phase }, place, ratio) {
  const corners = kind === "box" ? cornersOf(points) : points
  const [x, y] = on(corners[0], place, ratio)
  const text = shape("text", { x: x + 4, y: y - 4 })
  text.textContent = name
  return [...around(corners, place, ratio, phase), text]
}

/**
 * @param {[number, number][]} corners
 * @param {{ scale: number, left: number, top: number }} place
 * @param {number} ratio
 * @param {string} look
 */
export function around(corners, place, ratio, look) {
  if (!corners.length) return []
  const points = corners.map((each) => on(each, place, ratio).join(",")).join(" ")
  return ["rim", look].map((each) => shape("polygon", { points, class: each }))
}

/**
 * @param {[number, number]} point on the film
 * @param {{ scale: number, left: number, top: number }} place
 * @param {number} ratio
 */
export function on([x, y], place, ratio) {
  return [(x * place.scale - place.left) / ratio, (y * place.scale - place.top) / ratio]
}

/**
 * The networks' outlines, each finding's name with who has it once.
 *
 * @param {NetworkOutline[]} outlines
 * @param {Said["compared"]} compared
 * @param {{ scale: number, left: number, top: number }} place
 * @param {number} ratio
 */
export function networksOutlines(outlines, compared, place, ratio) {
  const named = new Set()
  return outlines.flatMap(({ name, colour, lines }) => {
    const drawn = lines.flatMap((line) => around(line, place, ratio, "network"))
    for (const each of drawn) if (each instanceof SVGElement && each.classList.contains("network")) each.style.stroke = colour
    const first = lines[0]?.[0]
    if (!first || named.has(name)) return drawn
    named.add(name)
    const [x, y] = on(first, place, ratio)
    const text = shape("text", { x: x + 4, y: y - 4, class: "network" })
    text.textContent = `${name} · ${side(compared, name)}`
    return [...drawn, text]
  })
}

/**
 * Who has a finding, in a word.
 *
 * @param {Said["compared"]} found
 * @param {string} name the finding's
 */
function side(found, name) {
  if (!found) return ""
  if (found.both.includes(name)) return "both"
  return found.you.includes(name) ? "only you" : "only networks"
}

/** @param {PointerEvent} event */
function hold(event) {
  event.preventDefault()
  event.stopPropagation()
}
