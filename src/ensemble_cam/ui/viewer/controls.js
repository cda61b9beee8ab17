// The controls beside the panels. They change a viewer's `state`; the viewer draws, and commits on release.

const STYLES = { heatmap: "Heatmap", contour: "Contour", both: "Both" }

class Controls {
  /** `viewer.set(changes)` shows changes at once; `viewer.commit()` tells Python of what stands now. */
  constructor(root, viewer, signal) {
    this.viewer = viewer
    this.one = (selector) => root.querySelector(selector)
    this.signal = signal
    this.slider("threshold", (value) => ({ threshold: value }))
    this.slider("opacity", (value) => ({ opacity: value }))
    this.slider("center", (value) => ({ window: { ...viewer.windowNow(), center: value } }))
    this.slider("width", (value) => ({ window: { ...viewer.windowNow(), width: value } }))
    this.on(this.one("#colormap"), "change", (event) => {
      viewer.set({ colormap: event.target.value })
      viewer.commit()
    })
    for (const [style, name] of Object.entries(STYLES)) {
      const [label, radio] = [element("label"), element("input")]
      Object.assign(radio, { type: "radio", name: "style", value: style })
      this.on(radio, "change", () => {
        viewer.set({ style })
        viewer.commit()
      })
      label.append(radio, name)
      this.one("#style").append(label)
    }
  }

  on(target, kind, act) {
    target.addEventListener(kind, act, { signal: this.signal })
  }

  slider(id, changes) {
    const slider = this.one(`#${id}`)
    this.on(slider, "input", () => this.viewer.set(changes(Number(slider.value))))
    this.on(slider, "change", () => this.viewer.commit())
  }

  /** Offer what the data has: colour maps, a weight for each classifier, the film's range. */
  offer(header) {
    const select = this.one("#colormap")
    select.replaceChildren(
      ...header.colormaps.map(({ name, note }) => {
        const option = element("option", "", name + note)
        option.value = name
        return option
      }),
    )
    const box = this.one(".weights div")
    box.replaceChildren()
    for (const { id, name, weight } of header.classifiers) {
      const [label, output, slider] = [element("label", "", `${name} `), element("output"), element("input")]
      output.setAttribute("aria-live", "off")
      Object.assign(slider, { type: "range", min: 0, max: Math.max(2, 2 * weight), step: 0.05, id: `weight-${id}` })
      label.htmlFor = slider.id
      label.append(output)
      slider.addEventListener("input", () => {
        this.viewer.set({ weights: { ...this.viewer.state.weights, [id]: Number(slider.value) } })
      })
      slider.addEventListener("change", () => this.viewer.commit())
      box.append(label, slider)
    }
    this.one(".weights").hidden = !header.classifiers.length
    const [low, high] = header.film.range
    Object.assign(this.one("#center"), { min: low, max: high })
    Object.assign(this.one("#width"), { max: Math.max(2, Math.ceil((high - low) * 1.5)) })
    this.one(".controls").hidden = false
    for (const part of ["label[for=threshold]", "#threshold", ".bar", "label[for=opacity]", "#opacity", ".line", "#style"]) {
      this.one(part).hidden = !header.findings.length
    }
  }

  /** Show what is set. */
  sync(state, window) {
    this.value("threshold", state.threshold, state.threshold.toFixed(2))
    this.value("opacity", state.opacity, state.opacity.toFixed(2))
    this.value("center", window.center, String(Math.round(window.center)))
    this.value("width", window.width, String(Math.round(window.width)))
    this.one("#colormap").value = state.colormap
    for (const radio of this.one("#style").querySelectorAll("input")) radio.checked = radio.value === state.style
    for (const slider of this.one(".weights").querySelectorAll("input")) {
      const weight = state.weights[slider.id.slice("weight-".length)]
      slider.value = weight
      slider.previousElementSibling.querySelector("output").textContent = weight.toFixed(2)
    }
  }

  value(id, number, text) {
    const slider = this.one(`#${id}`)
    if (Number(slider.value) !== number) slider.value = number
    slider.setAttribute("aria-valuetext", text)
    this.one(`output[for=${id}]`).textContent = text
  }

  /** Draw the colour bar: dark below the threshold, a white tick at it. */
  drawBar(colours, { threshold, colormap }) {
    const bar = this.one(".bar")
    const context = bar.getContext("2d")
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
    bar.setAttribute("aria-label", `${colormap}: relative activation 0 to 1, drawn from ${threshold.toFixed(2)} on`)
  }
}
