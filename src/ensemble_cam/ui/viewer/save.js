// "This view": Python is told what the panels show, draws it anew, larger than any screen, and hands it back.

// @ts-check
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { lineThickness } from "./draw.js"
import { theStage } from "./stage.js"

export class Saving {
  /**
   * @param {HTMLElement} button
   * @param {(message: object) => void} ask Python
   * @param {(text: string) => void} say what went wrong, to the reader
   * @param {AbortSignal} signal
   */
  constructor(button, ask, say, signal) {
    this.button = button
    this.ask = ask
    this.say = say
    this.serial = 0 // of what was asked for last
    theStage().addEventListener("delivered", (event) => this.take(/** @type {CustomEvent} */ (event).detail), { signal })
  }

  /**
   * Ask for what the panels show.
   *
   * @param {State} state
   * @param {Panels} panels
   */
  begin(state, panels) {
    const { place, ratio, columns } = panels
    if (!place) return
    const { left, top, scale, width, height } = place
    const { film } = state.review.header
    this.serial = ++theStage().serial
    this.say("")
    this.button.setAttribute("aria-busy", "true")
    this.ask({
      ...state.told(),
      serial: this.serial,
      box: [left / scale, top / scale, (left + width) / scale, (top + height) / scale],
      ids: panels.all.map(({ id }) => id),
      columns: Math.min(columns, panels.all.length),
      thickness: lineThickness(film, scale, ratio) / scale,
    })
  }

  /**
   * Hear that a picture came, or why there is none.
   *
   * @param {{ serial: number, failure: string | null }} delivered
   */
  take({ serial, failure }) {
    if (serial !== this.serial) return
    this.button.removeAttribute("aria-busy")
    if (failure !== null) this.say(failure)
  }
}
