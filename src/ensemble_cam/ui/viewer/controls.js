// The controls beside the panels: they set while a hand moves, and Python is told on release.

// @ts-check
/** @import { GreyWindow, Header, Settings, Style } from "./types.js" */
/** @import { State } from "./state.js" */
import { element, one, write } from "./elements.js"
import { windowsOf } from "./presets.js"

const OTHER = "other" // the window that no name has

export class Controls {
  /**
   * @param {ParentNode} root
   * @param {State} state
   * @param {AbortSignal} signal
   */
  constructor(root, state, signal) {
    this.state = state
    this.signal = signal
    this.box = one(root, ".controls")
    this.bar = one(root, ".bar", HTMLCanvasElement)
    this.barDrawn = "" // what its colours tell
    this.colormap = one(root, "#colormap", HTMLSelectElement)
    this.styles = [...one(root, "#style").querySelectorAll("input")]
    this.weights = one(root, ".weights")
    this.preset = one(root, "#preset", HTMLSelectElement)
    /** @type {Record<string, GreyWindow>} of the film that is here */
    this.windows = {}
    /** @type {{ id: string, slider: HTMLInputElement, output: HTMLElement }[]} */
    this.weighted = []
    this.slider("threshold", (value) => ({ threshold: value }))
    this.slider("opacity", (value) => ({ opacity: value }))
    this.slider("center", (value) => ({ window: { ...state.window, center: value } }))
    this.slider("width", (value) => ({ window: { ...state.window, width: value } }))
    this.choice(this.colormap, () => ({ colormap: this.colormap.value }))
    this.choice(this.preset, () => ({ window: this.windows[this.preset.value] ?? null }))
    for (const radio of this.styles) this.choice(radio, () => ({ style: /** @type {Style} */ (radio.value) }))
  }

  /**
   * @param {HTMLElement} choice
   * @param {() => Partial<Settings>} changes
   */
  choice(choice, changes) {
    const choose = () => {
      this.state.set(changes())
      this.state.commit()
    }
    choice.addEventListener("change", choose, { signal: this.signal })
  }

  /**
   * @param {string} id
   * @param {(value: number) => Partial<Settings>} changes
   */
  slider(id, changes) {
    const { signal } = this
    const slider = one(this.box, `#${id}`, HTMLInputElement)
    slider.addEventListener("input", () => this.state.set(changes(Number(slider.value))), { signal })
    slider.addEventListener("change", () => this.state.commit(), { signal })
  }

  /**
   * Offer what the data has: colour maps, a weight for each classifier, the film's range.
   *
   * @param {Header} header
   */
  offer(header) {
    this.colormap.replaceChildren(
      ...header.colormaps.map(({ name, note }) => {
        const option = element("option", "", name + note)
        option.value = name
        return option
      }),
    )
    const box = one(this.weights, "div")
    box.replaceChildren()
    this.weighted = header.classifiers.map(({ id, name, weight }) => {
      const [label, output, slider] = [element("label", "", `${name} `), element("output"), element("input")]
      output.setAttribute("aria-live", "off")
      Object.assign(slider, { type: "range", min: 0, max: Math.max(2, 2 * weight), step: 0.05, id: `weight-${id}` })
      label.htmlFor = slider.id
      label.append(output)
      slider.addEventListener("input", () => {
        this.state.set({ weights: { ...this.state.settings.weights, [id]: Number(slider.value) } })
      })
      slider.addEventListener("change", () => this.state.commit())
      box.append(label, slider)
      return { id, slider, output }
    })
    this.weights.hidden = !header.classifiers.length || header.withheld
    this.offerWindows()
    const [low, high] = header.film.range
    Object.assign(one(this.box, "#center"), { min: low, max: high })
    Object.assign(one(this.box, "#width"), { max: Math.max(2, Math.ceil((high - low) * 1.5)) })
    const labels = ["label[for=threshold]", "label[for=opacity]", ".line"]
    for (const part of [...labels, "#threshold", ".bar", "#opacity", "#style"]) {
      one(this.box, part).hidden = !header.findings.length || header.withheld
    }
  }

  /** Offer the film's own window, and those by percentiles of its values. */
  offerWindows() {
    this.windows = windowsOf(this.state.review.film)
    const names = [["", "The file's own"], ...Object.keys(this.windows).map((name) => [name, name])]
    const options = [...names, [OTHER, "Set by hand"]].map(([value, text]) => {
      const option = element("option", "", text)
      option.value = value
      option.hidden = value === OTHER
      return option
    })
    this.preset.replaceChildren(...options)
  }

  /** Show what is set. */
  sync() {
    const { threshold, opacity, colormap, style, weights } = this.state.settings
    const { center, width } = this.state.window
    this.value("threshold", threshold, threshold.toFixed(2))
    this.value("opacity", opacity, opacity.toFixed(2))
    this.value("center", center, String(Math.round(center)))
    this.value("width", width, String(Math.round(width)))
    this.colormap.value = colormap
    const is = (/** @type {GreyWindow} */ each) => each.center === center && each.width === width
    const named = Object.keys(this.windows).find((name) => is(this.windows[name]))
    this.preset.value = this.state.settings.window ? (named ?? OTHER) : ""
    for (const radio of this.styles) radio.checked = radio.value === style
    for (const { id, slider, output } of this.weighted) {
      slider.value = String(weights[id])
      write(output, weights[id].toFixed(2))
    }
  }

  /**
   * @param {string} id
   * @param {number} number
   * @param {string} text
   */
  value(id, number, text) {
    const slider = one(this.box, `#${id}`, HTMLInputElement)
    if (Number(slider.value) !== number) slider.value = String(number)
    slider.setAttribute("aria-valuetext", text)
    write(one(this.box, `output[for=${id}]`), text)
  }

  /**
   * Draw the colour bar: dark below the threshold, a white tick at it.
   *
   * @param {string} id whose colours are looked at
   * @param {string} scale what they tell
   */
  drawBar(id, scale) {
    const { bar } = this
    const { threshold } = this.state.settings
    const drawn = `${this.state.colormapOf(id)}: ${scale} 0 to 1, drawn from ${threshold.toFixed(2)} on`
    if (drawn === this.barDrawn) return
    this.barDrawn = drawn
    const colours = this.state.coloursOf(id)
    const context = bar.getContext("2d")
    if (!context) return
    const image = context.createImageData(256, 10)
    const pixels = new Uint32Array(image.data.buffer)
    const tick = Math.min(Math.round(threshold * 255), 254)
    for (let y = 0, i = 0; y < 10; y++) {
      for (let x = 0; x < 256; x++, i++) {
        const [r, g, b] = colours.subarray(3 * x, 3 * x + 3)
        const shown = x >= threshold * 255 ? (b << 16) | (g << 8) | r : 0x3a3a3a
        pixels[i] = 0xff000000 | (x === tick || x === tick + 1 ? 0xffffff : shown)
      }
    }
    context.putImageData(image, 0, 0)
    bar.setAttribute("role", "img") // from now on, as a picture without a name is a fault
    bar.setAttribute("aria-label", drawn)
  }
}
