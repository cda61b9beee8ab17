// Keys, and the buttons that do the same. What a key does to a text field or a button is theirs.

// @ts-check
/** @import { Settings, Stale } from "./types.js" */
/** @import { Magnifier } from "./magnifier.js" */
/** @import { Tool } from "./marks.js" */
/** @import { Navigation } from "./navigation.js" */
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
/** @import { Tools } from "./tools.js" */
/** @import { Verdicts } from "./verdict.js" */
import { toggleDrawer, toggleExports } from "./drawer.js"
import { one } from "./elements.js"
import { ENSEMBLE } from "./findings.js"
import { theStage } from "./stage.js"
import { STYLES } from "./state.js"

const STEP = { threshold: 0.02, opacity: 0.05 }
const CLOSER = 1.25
const ARROWS = new Map([
  ["ArrowLeft", [1, 0]],
  ["ArrowRight", [-1, 0]],
  ["ArrowUp", [0, 1]],
  ["ArrowDown", [0, -1]],
])
const BUTTONS = {
  "#hide": "o",
  "#large": "l",
  "#invert": "i",
  "#closer": "+",
  "#farther": "-",
  "#actual": "x",
  "#reset": "0",
  "#drawer": "d",
  "#exports": "e",
  "#magnifier": "g",
  "#undo": "z",
}
/** @type {Map<string, Tool>} */
const TOOLS = new Map([
  ["t", "distance"],
  ["a", "angle"],
  ["s", "ellipse"],
  ["h", "ratio"],
])

export class Keys {
  /**
   * @param {HTMLElement} box the viewer's
   * @param {State} state
   * @param {Panels} panels
   * @param {Navigation} navigation
   * @param {{ tools: Tools, magnifier: Magnifier, verdicts: Verdicts }} hand
   * @param {(what: Stale) => void} ask has the next frame drawn
   * @param {AbortSignal} signal
   */
  constructor(box, state, panels, navigation, hand, ask, signal) {
    this.box = box
    this.state = state
    this.panels = panels
    this.navigation = navigation
    this.hand = hand
    this.ask = ask
    this.help = one(box, "dialog", HTMLDialogElement)
    this.pending = false // whether keys have changed what Python was not told of
    const leave = (/** @type {MouseEvent} */ event) => {
      if (event.detail) panels.box.focus({ preventScroll: true }) // a mouse's click: Space is for the maps again
    }
    for (const [button, key] of Object.entries(BUTTONS)) {
      const press = (/** @type {MouseEvent} */ event) => {
        this.press(key)
        leave(event)
      }
      one(box, button).addEventListener("click", press, { signal })
    }
    one(box, "#help").addEventListener("click", () => this.press("?"), { signal })
    one(box, ".findings").addEventListener("click", leave, { signal })
    // Inside the viewer first, so that Streamlit's own keys (R, C) are not pressed along.
    const inside = (/** @type {KeyboardEvent} */ event) => {
      this.keyDown(event)
      event.stopPropagation()
    }
    box.addEventListener("keydown", inside, { signal })
    document.addEventListener("keydown", (event) => this.keyDown(event), { signal })
    document.addEventListener("keyup", (event) => this.keyUp(event), { signal })
    const blur = () => {
      this.hold(false)
      this.release()
    }
    addEventListener("blur", blur, { signal })
  }

  /** @param {KeyboardEvent} event */
  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (!this.box.isConnected || this.help.open) return
    const [target] = event.composedPath()
    if (takesText(target)) return
    const onPanels = target instanceof Element && target.closest(".panels") !== null
    const { tools, verdicts } = this.hand
    const { width, height } = this.state.review.header.film
    const drawn = onPanels && verdicts.drawing.key(event.key, event.shiftKey, [width, height])
    if (drawn || (onPanels && tools.key(event.key, event.shiftKey))) return event.preventDefault()
    if (event.key === " ") {
      if (takesSpace(target)) return
      if (!event.repeat) this.hold(true)
      event.preventDefault()
    } else if (event.key.startsWith("Arrow")) {
      if (!onPanels) return
      this.arrow(event.key, event.shiftKey)
      event.preventDefault()
    } else if (this.press(keyOf(event), event.shiftKey)) event.preventDefault()
  }

  /** @param {KeyboardEvent} event */
  keyUp(event) {
    if (event.key === " ") this.hold(false)
    else this.release()
  }

  /** Tell Python what keys have changed, now that they are let go, or cannot be heard any more. */
  release() {
    if (!this.pending) return
    this.pending = false
    this.state.commit()
  }

  /**
   * Hide the maps for as long as Space is held.
   *
   * @param {boolean} on
   */
  hold(on) {
    if (this.state.held === on) return
    this.state.held = on
    this.ask("look")
  }

  /**
   * Move the film or, with Shift, its window.
   *
   * @param {string} key
   * @param {boolean} shift
   */
  arrow(key, shift) {
    const { state, panels } = this
    const [across, down] = ARROWS.get(key) ?? [0, 0]
    if (!shift) return this.navigation.pan(across * panels.width * 0.08, down * panels.height * 0.08)
    const { center, width } = state.window
    const [low, high] = state.review.header.film.range
    const step = Math.max((high - low) / 50, 1)
    state.set({ window: { center: center + down * step, width: Math.max(1, width - across * step) } })
    this.pending = true
  }

  /**
   * Do what a key does; whether it does anything.
   *
   * @param {string} key
   * @param {boolean} [shift]
   */
  press(key, shift = false) {
    const { state, navigation } = this
    const { settings } = state
    const found = state.mapped
    if (this.hand.verdicts.key(key)) return true
    if (/^[1-9]$/.test(key)) {
      const chosen = found ? state.offered[Number(key) - 1] : undefined
      return chosen ? this.show(chosen) : false
    }
    const tool = TOOLS.get(key)
    if (tool) {
      this.hand.tools.take(tool)
      return true
    }
    if (key === "g") return this.magnify()
    if (key === "z") return this.undo()
    if (key === "j" || key === "k") return this.stepFinding(key === "j" ? 1 : -1)
    if (found && (key === "," || key === ".")) {
      this.step(shift ? "opacity" : "threshold", key === "." ? 1 : -1)
      return true
    }
    if (key === "+" || key === "-") navigation.zoom(key === "+" ? CLOSER : 1 / CLOSER)
    else if (key === "x") navigation.actualSize()
    else if (key === "0") navigation.reset()
    else if (key === "i") return this.change({ inverted: !settings.inverted })
    else if (key === "?") this.help.showModal()
    else if (key === "d") toggleDrawer()
    else if (key === "n" || key === "p") theStage().step(key === "n" ? 1 : -1)
    else if (key === "e") toggleExports()
    else if (found && key === "o") return this.change({ hidden: !settings.hidden })
    else if (found && key === "l") state.set({ large: settings.large ? null : (this.panels.focused ?? ENSEMBLE) })
    else if (found && key === "m") {
      return this.change({ style: STYLES[(STYLES.indexOf(settings.style) + 1) % STYLES.length] })
    } else return false
    return true
  }

  /** Take the magnifier up, or lay it down. */
  magnify() {
    const { magnifier } = this.hand
    magnifier.toggle()
    one(this.box, "#magnifier").setAttribute("aria-pressed", String(magnifier.on))
    return true
  }

  /** Take back what was set or measured last; whether there is anything. */
  undo() {
    return this.state.history.undo()
  }

  /**
   * Have the film alone, a network's map or the ensemble's stand on the stage.
   *
   * @param {string} id
   */
  show(id) {
    if (this.state.settings.large !== id) this.state.set({ large: id })
    return true
  }

  /**
   * Choose the next finding of the list, or the one before; whether there is one.
   *
   * @param {1 | -1} by
   */
  stepFinding(by) {
    const { order, settings } = this.state
    const chosen = order[order.findIndex(({ label }) => label === settings.finding) + by]
    return chosen ? this.change({ finding: chosen.label }) : false
  }

  /**
   * Change what is set, and tell Python at once.
   *
   * @param {Partial<Settings>} changes
   */
  change(changes) {
    this.state.set(changes)
    this.state.commit()
    return true
  }

  /**
   * A step up or down; Python is told when the key is let go.
   *
   * @param {"threshold" | "opacity"} name
   * @param {1 | -1} sign
   */
  step(name, sign) {
    const value = Math.min(1, Math.max(0, this.state.settings[name] + sign * STEP[name]))
    this.state.set({ [name]: Math.round(value * 100) / 100 })
    this.pending = true
  }
}

/**
 * A key's name wherever it lies: comma and full stop by their place, as Shift makes other characters of them.
 *
 * @param {KeyboardEvent} event
 */
function keyOf(event) {
  if (event.code === "Comma" && (event.shiftKey || event.key === ",")) return ","
  if (event.code === "Period" && (event.shiftKey || event.key === ".")) return "."
  if (event.key === "=") return "+"
  return event.key === "_" ? "-" : event.key.toLowerCase()
}

/** @param {EventTarget | undefined} target */
function takesText(target) {
  if (target instanceof HTMLElement && target.isContentEditable) return true
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  const other = ["range", "radio", "checkbox", "button", "file"]
  return target instanceof HTMLInputElement && !other.includes(target.type)
}

/** @param {EventTarget | undefined} target */
function takesSpace(target) {
  if (target instanceof HTMLInputElement) return target.type !== "range"
  const own = "button, summary, a, [role=button], [role=tab], [role=option], [role=switch]"
  return target instanceof Element && target.closest(own) !== null
}
