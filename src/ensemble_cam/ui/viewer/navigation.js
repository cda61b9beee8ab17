// Zoom, pan and reset: the same part of the film in all panels.

// @ts-check
/** @import { Stale } from "./types.js" */
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */

export class Navigation {
  /**
   * @param {State} state
   * @param {Panels} panels
   * @param {(what: Stale) => void} ask has the next frame drawn
   */
  constructor(state, panels, ask) {
    this.state = state
    this.panels = panels
    this.ask = ask
  }

  /**
   * Zoom at a point of the panels' canvases, the middle where none is given.
   *
   * @param {number} by
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(by, x, y) {
    const { width, height } = this.panels
    const { view } = this.state
    view.zoomTo(view.scaleIn(width, height) * by, x ?? width / 2, y ?? height / 2, width, height)
    this.ask("view")
  }

  /** Show a pixel of the film for each of the screen's. */
  actualSize() {
    const { width, height } = this.panels
    this.state.view.zoomTo(1, width / 2, height / 2, width, height)
    this.ask("view")
  }

  /**
   * Move the film by pixels of the canvases.
   *
   * @param {number} across
   * @param {number} down
   */
  pan(across, down) {
    this.state.view.pan(across, down, this.panels.width, this.panels.height)
    this.ask("view")
  }

  /** Back to the whole film in the file's own window. */
  reset() {
    const { state } = this
    state.view.reset()
    this.ask("view")
    if (state.settings.window || state.settings.inverted) {
      state.set({ window: null, inverted: false })
      state.commit()
    }
  }
}
