// Mouse, touch and keys. What a key does to a text field or a button is theirs.

const STEP = { threshold: 0.02, opacity: 0.05 }
const CLOSER = 1.25
const A_DRAG = 3 // CSS pixels

class Gestures {
  constructor(viewer, signal) {
    this.viewer = viewer
    this.signal = signal
    const on = (target, kind, act, more) => target.addEventListener(kind, act, { signal, ...more })
    const tool = (id, act) =>
      on(viewer.one(id), "click", (event) => {
        act()
        if (event.detail) this.leave() // Space is for the maps again
      })
    tool("#hide", () => this.press("o"))
    tool("#large", () => this.press("l"))
    tool("#invert", () => this.press("i"))
    tool("#closer", () => this.press("+"))
    tool("#farther", () => this.press("-"))
    tool("#actual", () => this.press("x"))
    tool("#reset", () => this.press("0"))
    on(viewer.one("#help"), "click", () => this.press("?"))
    on(viewer.one("#save"), "click", () => {
      viewer.save().catch((error) => viewer.say(`The picture could not be made: ${error.message}.`))
    })
    on(viewer.one(".findings"), "click", (event) => {
      if (event.detail) this.leave()
    })
    // Inside the viewer first, so that Streamlit's own keys (R, C) are not pressed along.
    on(viewer.box, "keydown", (event) => {
      this.keyDown(event)
      event.stopPropagation()
    })
    on(document, "keydown", (event) => this.keyDown(event))
    on(document, "keyup", (event) => this.keyUp(event))
    on(window, "blur", () => {
      this.hold(false)
      this.release()
    })
  }

  /** Give the focus from a button that was clicked to the panels, to none of them in particular. */
  leave() {
    this.viewer.one(".panels").focus({ preventScroll: true })
  }

  /** Listen to a panel. */
  watch(panel, canvas) {
    const { viewer, signal } = this
    const on = (kind, act, more) => canvas.addEventListener(kind, act, { signal, ...more })
    let drag = null
    on("pointerdown", (event) => {
      panel.focus({ preventScroll: true })
      canvas.setPointerCapture(event.pointerId)
      drag = { x: event.clientX, y: event.clientY, windowing: event.button === 2 || (event.button === 0 && event.altKey) }
      drag.from = viewer.windowNow()
      drag.start = [event.clientX, event.clientY]
    })
    on("pointermove", (event) => {
      if (!viewer.place) return
      const [x, y] = this.at(canvas, event)
      viewer.readOut(x, y)
      if (!drag) return
      if (drag.windowing) this.windowBy(drag, event.clientX - drag.start[0], event.clientY - drag.start[1])
      else {
        const { ratio, width, height } = viewer
        viewer.view.pan((event.clientX - drag.x) * ratio, (event.clientY - drag.y) * ratio, width, height)
        viewer.ask("view")
      }
      drag.x = event.clientX
      drag.y = event.clientY
    })
    const release = () => {
      if (drag?.windowing) viewer.commit()
      drag = null
    }
    on("pointerup", release)
    on("pointercancel", release)
    on("pointerleave", () => viewer.readNothing())
    on("contextmenu", (event) => event.preventDefault())
    on("dblclick", () => viewer.reset())
    on(
      "wheel",
      (event) => {
        event.preventDefault()
        const [x, y] = this.at(canvas, event)
        this.zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) * 0.002), x + 0.5, y + 0.5)
      },
      { passive: false },
    )
  }

  /** Where an event is on a canvas, in its own pixels. */
  at(canvas, event) {
    const box = canvas.getBoundingClientRect()
    return [
      ((event.clientX - box.left) * canvas.width) / box.width - 0.5,
      ((event.clientY - box.top) * canvas.height) / box.height - 0.5,
    ]
  }

  zoom(by, x = this.viewer.width / 2, y = this.viewer.height / 2) {
    const { view, width, height } = this.viewer
    view.zoomTo(view.scaleIn(width, height) * by, x, y, width, height)
    this.viewer.ask("view")
  }

  /** Window as radiologists' screens do it: to the right wider, upwards brighter. */
  windowBy({ from }, across, down) {
    const { viewer } = this
    if (Math.hypot(across, down) < A_DRAG) return
    const [low, high] = viewer.header.film.range
    const step = Math.max((high - low) / 600, 0.25)
    const falling = viewer.header.film.falling !== viewer.state.inverted
    const width = Math.max(1, from.width + across * step)
    viewer.set({ window: { center: from.center + down * step * (falling ? -1 : 1), width } })
  }

  // Keys --------------------------------------------------------------------------------------------------------------

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const { viewer } = this
    if (!viewer.header || !viewer.box.isConnected || viewer.one("dialog").open) return
    const target = event.composedPath()[0]
    if (takesText(target)) return
    if (event.key === " ") {
      if (takesSpace(target)) return
      if (!event.repeat) this.hold(true)
      event.preventDefault()
    } else if (event.key.startsWith("Arrow")) {
      if (!target.closest?.(".panels") || !this.arrow(event)) return
      event.preventDefault()
    } else if (this.press(keyOf(event), event.shiftKey)) event.preventDefault()
  }

  keyUp(event) {
    if (event.key === " ") this.hold(false)
    else this.release()
  }

  /** Tell Python what keys have changed, now that they are let go, or cannot be heard any more. */
  release() {
    if (!this.pending) return
    this.pending = false
    this.viewer.commit()
  }

  hold(on) {
    if (this.viewer.held === on || !this.viewer.header) return
    this.viewer.held = on
    this.viewer.ask("look")
  }

  arrow(event) {
    const { viewer } = this
    const [across, down] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
    if (event.shiftKey) {
      const { center, width } = viewer.windowNow()
      const step = Math.max((viewer.header.film.range[1] - viewer.header.film.range[0]) / 50, 1)
      viewer.set({ window: { center: center + down * step, width: Math.max(1, width - across * step) } })
      this.pending = true
    } else {
      viewer.view.pan(across * viewer.width * 0.08, down * viewer.height * 0.08, viewer.width, viewer.height)
      viewer.ask("view")
    }
    return true
  }

  /** Do what a key does; whether it does anything. */
  press(key, shift = false) {
    const { viewer } = this
    const { state, header } = viewer
    const change = (changes) => {
      viewer.set(changes)
      viewer.commit()
      return true
    }
    const found = header.findings.length > 0
    if (/^[1-9]$/.test(key)) {
      const chosen = viewer.order[Number(key) - 1]
      return chosen ? change({ finding: chosen.label }) : false
    }
    if (found && (key === "," || key === ".")) {
      const [name, sign] = [shift ? "opacity" : "threshold", key === "." ? 1 : -1]
      const value = Math.min(1, Math.max(0, state[name] + sign * STEP[name]))
      viewer.set({ [name]: Math.round(value * 100) / 100 })
      this.pending = true
      return true
    }
    if (key === "+" || key === "-") this.zoom(key === "+" ? CLOSER : 1 / CLOSER)
    else if (key === "x") {
      const { view, width, height } = viewer
      view.zoomTo(1, width / 2, height / 2, width, height)
      viewer.ask("view")
    } else if (key === "0") viewer.reset()
    else if (key === "i") return change({ inverted: !state.inverted })
    else if (key === "?") viewer.one("dialog").showModal()
    else if (found && key === "o") return change({ hidden: !state.hidden })
    else if (found && key === "l") viewer.set({ large: state.large ? null : (viewer.focused() ?? ENSEMBLE) })
    else if (found && key === "m") {
      const styles = Object.keys(STYLES)
      return change({ style: styles[(styles.indexOf(state.style) + 1) % styles.length] })
    } else return false
    return true
  }
}

/** A key's name wherever it lies: comma and full stop by their place, as Shift makes other characters of them. */
function keyOf(event) {
  if (event.code === "Comma" && (event.shiftKey || event.key === ",")) return ","
  if (event.code === "Period" && (event.shiftKey || event.key === ".")) return "."
  return { "=": "+", _: "-" }[event.key] ?? event.key.toLowerCase()
}

function takesText(target) {
  if (target.isContentEditable) return true
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  const other = ["range", "radio", "checkbox", "button", "file"]
  return target instanceof HTMLInputElement && !other.includes(target.type)
}

function takesSpace(target) {
  if (target instanceof HTMLInputElement) return target.type !== "range"
  return Boolean(target.closest?.("button, summary, a, [role=button], [role=tab], [role=option], [role=switch]"))
}
