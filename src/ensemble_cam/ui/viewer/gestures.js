// Mouse and touch on the panels: zoom at the pointer, move, window.

// @ts-check
/** @import { GreyWindow } from "./types.js" */
/** @import { Magnifier } from "./magnifier.js" */
/** @import { Navigation } from "./navigation.js" */
/** @import { Panels } from "./panels.js" */
/** @import { Readout } from "./readout.js" */
/** @import { State } from "./state.js" */
/** @import { Tools } from "./tools.js" */
import { Fingers } from "./fingers.js"

const A_DRAG = 3 // CSS pixels

/**
 * A drag: where it was last, where it began, and the window of then, CSS pixels of the page.
 *
 * @typedef {object} Drag
 * @property {[number, number]} last
 * @property {[number, number]} start
 * @property {GreyWindow} from
 * @property {boolean} windowing whether it sets the window
 * @property {boolean} moved whether it has gone farther than a click does
 */

export class Gestures {
  /**
   * @param {State} state
   * @param {Panels} panels
   * @param {Navigation} navigation
   * @param {Readout} readout
   * @param {{ tools: Tools, magnifier: Magnifier, hold: (on: boolean) => void }} hand `hold` keeps the maps off
   * @param {AbortSignal} signal
   */
  constructor(state, panels, navigation, readout, hand, signal) {
    this.state = state
    this.panels = panels
    this.navigation = navigation
    this.readout = readout
    this.hand = hand
    this.signal = signal
  }

  /**
   * Listen to a panel.
   *
   * @param {HTMLElement} panel
   * @param {HTMLCanvasElement} canvas
   */
  watch(panel, canvas) {
    const { state, panels, navigation, readout, signal } = this
    const { tools, magnifier } = this.hand
    const fingers = this.fingersOn(canvas)
    /** @type {Drag | null} */
    let drag = null
    const down = (/** @type {PointerEvent} */ event) => {
      panel.focus({ preventScroll: true })
      canvas.setPointerCapture(event.pointerId)
      if (event.pointerType === "touch") fingers.down(event.pointerId, at(event))
      const windowing = event.button === 2 || (event.button === 0 && event.altKey)
      if (tools.tool && tools.tool !== "point" && !windowing && event.button === 0) tools.set(this.onFilm(canvas, event))
      else drag = { last: at(event), start: at(event), from: state.window, windowing, moved: false }
    }
    const move = (/** @type {PointerEvent} */ event) => {
      if (!panels.place) return
      readout.follow(onCanvas(canvas, event))
      magnifier.follow(panel, onCanvas(canvas, event))
      tools.hover(this.onFilm(canvas, event))
      fingers.move(event.pointerId, at(event))
      if (fingers.busy) drag = null
      if (!drag) return
      const [x, y] = at(event)
      drag.moved ||= Math.hypot(x - drag.start[0], y - drag.start[1]) >= A_DRAG
      if (tools.tool === "point" && !drag.moved) return // a click marks, a drag moves
      if (drag.windowing) this.windowBy(drag.from, x - drag.start[0], y - drag.start[1])
      else navigation.pan((x - drag.last[0]) * panels.ratio, (y - drag.last[1]) * panels.ratio)
      drag.last = [x, y]
    }
    const release = (/** @type {PointerEvent} */ event) => {
      fingers.up(event.pointerId)
      if (drag?.windowing) state.commit()
      const clicked = drag && !drag.windowing && !drag.moved && event.type === "pointerup"
      if (clicked && tools.tool === "point") tools.set(this.onFilm(canvas, event))
      drag = null
    }
    const wheel = (/** @type {WheelEvent} */ event) => {
      event.preventDefault()
      const [x, y] = onCanvas(canvas, event)
      navigation.zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) * 0.002), x + 0.5, y + 0.5)
    }
    canvas.addEventListener("pointerdown", down, { signal })
    canvas.addEventListener("pointermove", move, { signal })
    canvas.addEventListener("pointerup", release, { signal })
    canvas.addEventListener("pointercancel", release, { signal })
    const leave = () => {
      readout.follow(null)
      magnifier.follow(panel, null)
    }
    canvas.addEventListener("pointerleave", leave, { signal })
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal })
    canvas.addEventListener("dblclick", () => tools.tool || navigation.reset(), { signal })
    canvas.addEventListener("wheel", wheel, { signal, passive: false })
  }

  /**
   * What fingers do on a canvas.
   *
   * @param {HTMLCanvasElement} canvas
   */
  fingersOn(canvas) {
    const { state, panels, navigation } = this
    let from = state.window // as the fingers came down
    return new Fingers({
      began: () => {
        from = state.window
      },
      zoom: (by, middle, across, down) => {
        const [x, y] = onCanvas(canvas, { clientX: middle[0], clientY: middle[1] })
        navigation.zoom(by, x + 0.5, y + 0.5)
        navigation.pan(across * panels.ratio, down * panels.ratio)
      },
      window: (across, down) => this.windowBy(from, across, down),
      released: () => state.commit(),
      hold: this.hand.hold,
    })
  }

  /**
   * Where an event is on the film, in edge coordinates.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {MouseEvent} event
   * @returns {[number, number]}
   */
  onFilm(canvas, event) {
    const { place } = this.panels
    if (!place) return [0, 0]
    const [x, y] = onCanvas(canvas, event)
    return [(place.left + x + 0.5) / place.scale, (place.top + y + 0.5) / place.scale]
  }

  /**
   * Window as radiologists' screens do it: to the right wider, upwards brighter.
   *
   * @param {GreyWindow} from
   * @param {number} across
   * @param {number} down
   */
  windowBy(from, across, down) {
    if (Math.hypot(across, down) < A_DRAG) return
    const { film } = this.state.review.header
    const [low, high] = film.range
    const step = Math.max((high - low) / 600, 0.25)
    const falling = film.falling !== this.state.settings.inverted
    const width = Math.max(1, from.width + across * step)
    this.state.set({ window: { center: from.center + down * step * (falling ? -1 : 1), width } })
  }
}

/**
 * @param {MouseEvent} event
 * @returns {[number, number]}
 */
function at(event) {
  return [event.clientX, event.clientY]
}

/**
 * Where an event is on a canvas, in its own pixels, whose centres are whole numbers.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ clientX: number, clientY: number }} event
 * @returns {[number, number]}
 */
function onCanvas(canvas, event) {
  const box = canvas.getBoundingClientRect()
  return [
    ((event.clientX - box.left) * canvas.width) / box.width - 0.5,
    ((event.clientY - box.top) * canvas.height) / box.height - 0.5,
  ]
}
