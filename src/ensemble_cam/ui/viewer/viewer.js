// The viewer: one for each place on the page, fed with a film and its maps, drawing without the server.
//
// The browser owns what is set and what is in view. Python is told on release, by one message, and the data that it
// sends never depends on that; so nothing is sent back.

const VIEWERS = new WeakMap()
const PIXELS_AT_MOST = 4_000_000 // of all panels; a sharper screen than that is drawn a little coarser
const ENSEMBLE = "ensemble"
const ROOM_BELOW = 60 // CSS pixels
const CROP_COLOUR = "#56b4e9"
const BRIEFLY = 400 // ms for which the stage is black without a word

class Viewer {
  constructor(root) {
    this.root = root
    this.box = root.querySelector(".viewer")
    this.one = (selector) => root.querySelector(selector)
    this.ending = new AbortController()
    const { signal } = this.ending
    this.state = null
    this.header = null
    this.held = false // Space hides the maps for as long as it is held
    this.panels = []
    this.stale = new Set()
    this.send = () => {}
    this.sent = ""
    this.words = new Words(this)
    this.controls = new Controls(root, this, signal)
    this.list = new FindingList(this.one(".findings"), (label) => {
      this.set({ finding: label })
      this.commit()
    })
    this.gestures = new Gestures(this, signal)
    this.watcher = new ResizeObserver(() => this.ask("size"))
    this.watcher.observe(this.one(".panels"))
    this.fitter = new ResizeObserver(() => this.fit())
    this.page = document.querySelector(".stMain")
    if (this.page?.firstElementChild) this.fitter.observe(this.page.firstElementChild)
    addEventListener("resize", () => this.fit(), { signal })
    theStage().addEventListener("change", () => this.doubt(), { signal })
  }

  /** Take the height that the page leaves below what stands above, but for a row of buttons. */
  fit() {
    const above = this.box.getBoundingClientRect().top + (this.page?.scrollTop ?? 0)
    this.box.style.setProperty("--around", `${Math.round(above) + ROOM_BELOW}px`)
  }

  end() {
    this.ending.abort()
    clearTimeout(this.waiting)
    theStage().leave(this)
    this.watcher.disconnect()
    this.fitter.disconnect()
    cancelAnimationFrame(this.frame)
  }

  /** Say something that went wrong, or nothing any more. */
  say(text) {
    this.one(".message").textContent = text
  }

  /** Leave the page to still pictures. */
  fail(error) {
    this.taking = null
    this.say("The live viewer cannot run in this browser. Still pictures stand in for it.")
    console.warn(error)
    this.send("failed", String(error.message ?? error).slice(0, 200))
  }

  /** Whether the film that is here is not, or may not be, the one that is to be shown. */
  get inDoubt() {
    return this.another || theStage().inDoubt({ number: this.header.number, sha256: this.header.film.sha256 })
  }

  /** In doubt the stage is black, and says so where that lasts. */
  doubt() {
    if (!this.header) return
    clearTimeout(this.waiting)
    this.box.toggleAttribute("data-another", this.inDoubt)
    if (this.inDoubt) {
      this.waiting = setTimeout(() => this.say(`${theStage().coming?.name ?? "Another film"} is on its way.`), BRIEFLY)
      this.waits = true
    } else if (this.waits) {
      this.waits = false
      this.say("")
    }
  }

  // What is shown -----------------------------------------------------------------------------------------------------

  /** Take in what the server sent. Data that is here already changes nothing. */
  async take(data) {
    const { header } = data
    if (this.taking === header.sha256) return
    if (this.header?.sha256 === header.sha256) {
      this.taking = null // what came in between is not wanted any more
      this.another = false
      this.doubt()
      return
    }
    this.taking = header.sha256
    this.another = this.header !== null && this.header.number !== header.number
    this.doubt()
    if (header.maps_of !== null && header.maps_of !== header.film.sha256) throw new Error("The maps are of another film.")
    const blobs = await checked(data.blobs)
    if (this.taking !== header.sha256) return // something newer came meanwhile
    const another = this.header?.film.sha256 !== header.film.sha256
    if (another || this.film.levels[0].width < header.film.sent[0]) {
      const [width, height] = header.film.sent
      let pixels
      try {
        pixels = await unpack(blobs.get("film"), width, height, header.film.wide)
      } catch (error) {
        if (another) throw error
        this.taking = null
        return this.say("The film's finest pixels could not be loaded; it is shown coarser than it is.")
      }
      if (this.taking !== header.sha256) return
      if (another) {
        this.film = new Film(header.film, pixels, width, height)
        this.view = new View(header.film.width, header.film.height)
      } else this.film.add(pixels, width, height)
    }
    this.own = blobs.get("greys").slice()
    this.colours = blobs.get("colours").slice()
    this.readGrids(header, blobs.get("maps"))
    this.geometry = header.geometry
    this.header = header
    this.taking = null
    this.say("")
    this.restart(another)
  }

  readGrids(header, bytes) {
    const all = new Float32Array(bytes.slice().buffer)
    let start = 0
    this.words.forget()
    this.grids = header.grids.map((cells) => {
      const values = all.subarray(start, (start += cells * cells))
      return { values, cells, weight: 1, empty: !values.some((value) => value > 0) }
    })
  }

  /** Begin with new data: what the reader set stays, as far as it goes with it. */
  restart(another) {
    const { header } = this
    // From here to the end of this turn everything on the page becomes this film's; canvases are black until drawn.
    this.box.toggleAttribute("data-undrawn", another)
    this.another = false
    theStage().show({ number: header.number, sha256: header.film.sha256 }, this)
    const fresh = this.state === null
    this.state ??= { window: null, inverted: false, large: null, hidden: false, ...structuredClone(header.start) }
    if (another && !(fresh && header.start.film === header.film.sha256)) {
      Object.assign(this.state, { window: null, inverted: false, finding: null })
    }
    const weights = Object.fromEntries(header.classifiers.map(({ id, weight }) => [id, weight]))
    for (const id of Object.keys(weights)) weights[id] = this.state.weights?.[id] ?? weights[id]
    this.state.weights = { ...this.state.weights, ...weights } // other sets' classifiers keep theirs
    this.order = this.ordered()
    const labels = this.order.map(({ label }) => label)
    if (header.wanted && header.wanted !== this.wanted && !fresh) this.state.finding = header.wanted
    this.wanted = header.wanted
    // While the film stands alone, the finding that was looked at is remembered.
    if (labels.length && !labels.includes(this.state.finding)) this.state.finding = header.wanted ?? labels[0] ?? null
    this.known = { ...(this.known ?? {}), ...(fresh ? header.start : {}) }
    if (another) this.asked = null
    this.one(".set").textContent = header.set
    this.one(".set").title = header.set
    this.list.show(this.order, header.classifiers)
    this.showLegend()
    this.controls.offer(header)
    this.one(".findings").hidden = this.one(".legend").hidden = !labels.length
    for (const id of ["#hide", "#large", "#save"]) this.one(id).hidden = !labels.length
    this.renewGreys()
    this.build()
    this.list.reveal(this.state.finding)
    if (labels.length && !this.isKnown()) this.commit()
  }

  /** The findings as they rank by the weights of this moment, those with maps first. */
  ordered() {
    const { classifiers, findings } = this.header
    const score = new Map(findings.map((each) => [each, meanScore(each, classifiers, this.state.weights)?.value ?? -1]))
    const mapped = (each) => Object.keys(each.maps).length > 0
    const by = (one, other) =>
      mapped(other) - mapped(one) || score.get(other) - score.get(one) || (one.label < other.label ? -1 : 1)
    return [...findings].sort(by)
  }

  /** Rank the findings anew: once weights are let go, not under the hand. */
  rank() {
    const order = this.ordered()
    if (order.every((each, place) => each === this.order[place])) return
    this.order = order
    this.list.show(order, this.header.classifiers)
    this.list.reveal(this.state.finding)
    this.ask("look")
  }

  /** Whether an export would show what the screen does: Python begins a film as the viewer does, and goes by what it was told. */
  isKnown() {
    const { finding, window, inverted } = this.state
    const told = this.known.film === this.header.film.sha256
    const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null)
    return (
      same(finding, told ? this.known.finding : this.header.first) &&
      same(window, told ? this.known.window : null) &&
      inverted === Boolean(told && this.known.inverted)
    )
  }

  showLegend() {
    const items = this.header.classifiers.map(({ name, colour, calibrated }) => {
      const item = element("span")
      const mark = element("i", calibrated ? "" : "diamond")
      mark.style.background = colour
      item.append(mark, calibrated ? name : `${name} (uncalibrated)`)
      return item
    })
    this.one(".legend").replaceChildren(...items)
  }

  /** Change what is set, and show it at the next frame. */
  set(changes) {
    if (!this.header) return
    Object.assign(this.state, changes)
    if ("window" in changes || "inverted" in changes) this.renewGreys()
    if ("finding" in changes) this.list.reveal(changes.finding)
    if ("large" in changes) this.build()
    this.ask("finding" in changes || "weights" in changes ? "maps" : "look")
  }

  renewGreys() {
    this.film.greys = greyTable(this.header.film, this.own, this.state)
    this.ask("film")
  }

  /** The window that is set, or the file's own. */
  windowNow() {
    const { center, width } = this.header.film.window
    return this.state.window ?? { center, width }
  }

  /** Back to the whole film in the file's own window. */
  reset() {
    this.view.reset()
    this.ask("view")
    if (this.state.window || this.state.inverted) {
      this.set({ window: null, inverted: false })
      this.commit()
    }
  }

  finding() {
    return this.header.findings.find(({ label }) => label === this.state.finding) ?? null
  }

  /** Tell Python what is set now, unless it knows. */
  commit(extra = {}) {
    if (!this.header) return
    this.rank()
    const { finding, threshold, opacity, colormap, style, window, inverted, weights, hidden } = this.state
    const { sha256, detailed } = this.header.film
    const detail = extra.detail ?? (detailed || this.asked === sha256 ? sha256 : null)
    const told = { finding, threshold, opacity, colormap, style, window, inverted, weights, hidden, detail }
    told.film = this.header.film.sha256
    const text = JSON.stringify(told)
    if (text === this.sent) return
    this.sent = text
    this.known = told
    this.send("committed", { ...told, serial: ++theStage().serial })
  }

  // Panels ------------------------------------------------------------------------------------------------------------

  /** The panels that are to stand on the screen: classifiers and ensemble, one of them, or the film alone. */
  shownIds() {
    const { classifiers, findings } = this.header
    if (!findings.length) return ["film"]
    const all = [...classifiers.map(({ id }) => id), ENSEMBLE]
    return all.includes(this.state.large) ? [this.state.large] : all
  }

  build() {
    const ids = this.shownIds()
    if (ids.join() !== this.panels.map(({ id }) => id).join()) {
      this.panels = ids.map((id) => {
        const root = element("div", "panel")
        root.tabIndex = 0
        root.dataset.panel = id
        root.setAttribute("role", "group")
        const [caption, note] = [element("div", "caption"), element("div", "note")]
        const [screen, canvas, scale] = [element("div", "screen"), element("canvas"), element("div", "scale")]
        canvas.setAttribute("role", "img")
        scale.append(element("span"))
        screen.append(canvas, scale)
        root.append(caption, note, screen)
        this.gestures.watch(root, canvas)
        return { id, root, caption, note, screen, canvas, scale, context: canvas.getContext("2d", { alpha: false }) }
      })
      const focused = this.focused()
      this.one(".panels").replaceChildren(...this.panels.map(({ root }) => root))
      if (focused) (this.panels.find(({ id }) => id === focused) ?? this.panels[0]).root.focus({ preventScroll: true })
    }
    this.one("#large").setAttribute("aria-pressed", String(Boolean(this.state.large)))
    this.ask("size")
  }

  /** The id of the panel that has the focus, or null. */
  focused() {
    const active = this.root.activeElement ?? document.activeElement
    return active?.closest?.(".panel")?.dataset.panel ?? null
  }

  /** As many columns as give the film the largest picture. */
  columns(width, height) {
    const count = this.panels.length
    const { width: across, height: down } = this.header.film
    let [best, size] = [1, 0]
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns)
      const scale = Math.min(width / columns / across, (height / rows - 42) / down)
      if (scale > size * 1.08) [best, size] = [columns, scale]
    }
    return best
  }

  measure() {
    const box = this.one(".panels")
    const columns = this.columns(box.clientWidth, box.clientHeight)
    const rows = Math.ceil(this.panels.length / columns)
    box.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`
    this.shownColumns = columns
    const { clientWidth, clientHeight } = this.panels[0].screen
    if (clientWidth < 8 || clientHeight < 8) return false
    const most = Math.sqrt(PIXELS_AT_MOST / (clientWidth * clientHeight * this.panels.length))
    this.ratio = Math.min(window.devicePixelRatio || 1, Math.max(most, 0.5))
    const [width, height] = [Math.floor(clientWidth * this.ratio), Math.floor(clientHeight * this.ratio)]
    this.width = width
    this.height = height
    this.greys = new Uint8Array(width * height)
    for (const panel of this.panels) {
      Object.assign(panel.canvas, { width, height })
      panel.canvas.style.width = `${width / this.ratio}px`
      panel.canvas.style.height = `${height / this.ratio}px`
      panel.values = new Float32Array(width * height)
      panel.image = new ImageData(width, height)
      panel.pixels = new Uint32Array(panel.image.data.buffer)
    }
    return true
  }

  // Drawing -----------------------------------------------------------------------------------------------------------

  /** Have the next frame drawn. `what` changed: "size", "view", "film" (its greys), "maps" or "look". */
  ask(what) {
    this.stale.add(what)
    if (!this.header || this.frame) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      try {
        this.draw()
      } catch (error) {
        this.fail(error)
      }
    })
  }

  draw() {
    if (!this.panels.length) return
    const { stale } = this
    const resized = stale.has("size") || !this.width
    if (resized && !this.measure()) return // not on the screen; its size will change when it is
    const moved = resized || stale.has("view")
    const place = this.view.placeIn(this.width, this.height)
    if (moved || stale.has("film")) this.film.draw(this.greys, place)
    const finding = this.finding()
    for (const panel of this.panels) this.drawPanel(panel, place, finding, moved || stale.has("maps"))
    this.place = place
    this.stale.clear()
    this.box.removeAttribute("data-undrawn")
    if (this.pointer) this.readOut(...this.pointer)
    else this.clearReadout()
    this.renewWords(finding)
    const enough = Math.min(this.film.levels[0].perX * 1.3, 0.999) // at 1:1 every pixel is the film's own
    if (!this.film.whole && place.scale > enough) this.askForDetail()
    this.box.dataset.drawn = String(Number(this.box.dataset.drawn ?? 0) + 1)
    this.box.dispatchEvent(new CustomEvent("drawn"))
  }

  drawPanel(panel, place, finding, moved) {
    const { state, geometry, width, height } = this
    const parts = finding ? this.parts(panel.id, finding) : []
    const empty = parts.every(({ empty }) => empty)
    if (moved) readMaps(panel.values, place, geometry, parts)
    const off = state.hidden || this.held || empty
    layOver(panel.pixels, this.greys, panel.values, width, height, {
      colours: this.colours.subarray(this.colourStart(), this.colourStart() + 768),
      threshold: state.threshold,
      opacity: state.opacity,
      heat: !off && state.style !== "contour",
      line: !off && state.style !== "heatmap",
      dimmed: true,
      thickness: this.lineThickness(place.scale),
    })
    panel.context.putImageData(panel.image, 0, 0)
    if (!this.header.whole) this.outline(panel.context, place)
    this.drawScale(panel, place)
  }

  /** A contour's thickness: at 1:1 as `rendering.contour_thickness` has it, no more beyond, and never too thin to see. */
  lineThickness(scale) {
    const { width, height } = this.header.film
    const exported = Math.max(1, Math.round(Math.max(width, height) / 600))
    return Math.max(Math.round(this.ratio), Math.round(exported * Math.min(scale, 1)))
  }

  colourStart() {
    return 768 * this.header.colormaps.findIndex(({ name }) => name === this.state.colormap)
  }

  outline(context, { left, top, scale }) {
    const { x, y } = this.geometry
    context.strokeStyle = CROP_COLOUR
    context.lineWidth = Math.max(1, Math.round(this.ratio))
    const half = context.lineWidth / 2
    const [x0, y0] = [Math.round(x.from * scale - left) + half, Math.round(y.from * scale - top) + half]
    const [x1, y1] = [Math.round(x.to * scale - left) - half, Math.round(y.to * scale - top) - half]
    context.strokeRect(x0, y0, x1 - x0, y1 - y0)
  }

  /** A bar of a round length, about a quarter of the panel. */
  drawScale({ scale: bar, screen }, place) {
    const { spacing } = this.header.film
    bar.hidden = !spacing
    if (!spacing) return
    const perMillimetre = place.scale / this.ratio / spacing.column
    const room = screen.clientWidth / 4 / perMillimetre
    const decade = 10 ** Math.floor(Math.log10(room))
    const length = [5, 2, 1].map((step) => step * decade).find((each) => each <= room)
    bar.style.width = `${length * perMillimetre}px`
    bar.firstChild.textContent = `${Number(length.toPrecision(1))} mm${spacing.detector ? " at the detector" : ""}`
  }

  /** The weighted grids that a panel shows of a finding; none where there is no map. */
  parts(id, finding) {
    const { grids, state, header } = this
    if (id === ENSEMBLE) {
      return ensembleParts(finding, behind(finding, header.classifiers, state.weights), state.weights, grids)
    }
    return Object.hasOwn(finding.maps, id) ? [grids[finding.maps[id]]] : []
  }

  askForDetail() {
    if (this.asked === this.header.film.sha256) return
    this.asked = this.header.film.sha256
    this.commit({ detail: this.header.film.sha256 })
  }

  // Words -------------------------------------------------------------------------------------------------------------

  renewWords(finding) {
    const { state, header } = this
    this.controls.sync(state, this.windowNow())
    const press = (id, on) => this.one(id).setAttribute("aria-pressed", String(on))
    press("#hide", state.hidden)
    press("#invert", state.inverted)
    if (!finding) {
      this.one(".title").textContent = this.one(".behind").textContent = ""
      this.panels[0].caption.textContent = "The film"
      this.panels[0].note.textContent = header.outside
      this.panels[0].root.setAttribute("aria-label", "The film alone")
      this.panels[0].canvas.setAttribute("aria-label", "The film")
      return
    }
    this.controls.drawBar(this.colours.subarray(this.colourStart(), this.colourStart() + 768), state)
    this.list.renew(
      state.finding,
      (each) => meanScore(each, header.classifiers, state.weights),
      (each) => this.words.agreement(each),
    )
    this.one(".title").textContent = this.words.title(finding)
    this.one(".behind").textContent = this.words.behind(finding)
    this.one(".behind").title = this.one(".behind").textContent
    for (const panel of this.panels) {
      const [caption, note, below] = this.words.panel(panel.id, finding)
      panel.caption.textContent = caption
      panel.note.textContent = note
      panel.note.title = note
      panel.root.classList.toggle("below", below)
      panel.root.setAttribute("aria-label", caption)
      panel.canvas.setAttribute("aria-label", `${finding.name}: map of ${caption}. ${note}`)
    }
  }

  /** Say what is under the pointer: source pixel, stored value, each map's relative activation. */
  readOut(x, y) {
    this.pointer = [x, y]
    const { left, top, scale } = this.place
    const [edgeX, edgeY] = [(left + x + 0.5) / scale, (top + y + 0.5) / scale]
    const [column, row] = [Math.floor(edgeX), Math.floor(edgeY)]
    const { width, height } = this.header.film
    if (column < 0 || row < 0 || column >= width || row >= height) return this.clearReadout()
    const value = this.film.value(column, row)
    const parts = [`x ${column}`, `y ${row}`, value === null ? "value: zoom in" : `value ${value}`]
    const finding = this.finding()
    for (const id of finding ? this.shownIds() : []) {
      const grids = this.parts(id, finding)
      const activation = grids.length ? readPoint(edgeX, edgeY, this.geometry, grids) : null
      const name = id === ENSEMBLE ? "Ensemble" : this.header.classifiers.find((each) => each.id === id).name
      if (grids.length) parts.push(`${name} ${activation === null ? "not seen" : activation.toFixed(2)}`)
    }
    this.one(".readout").classList.remove("idle")
    this.one(".readout").textContent = parts.join(" · ")
  }

  readNothing() {
    this.pointer = null
    this.clearReadout()
  }

  clearReadout() {
    this.one(".readout").classList.add("idle")
    this.one(".readout").textContent = this.header?.meaning ?? ""
  }

  // This view ---------------------------------------------------------------------------------------------------------

  async save() {
    const finding = this.finding()
    const name = `${this.header.file}_view.png` // of this film, whatever is on the screen when the picture is made
    const panels = this.panels.map(({ id, canvas }) => ({ canvas, lines: this.words.panel(id, finding).slice(0, 2) }))
    const { left, top, scale } = this.place
    const seen = [left / scale, top / scale, (left + this.width) / scale, (top + this.height) / scale]
    const title = `${this.words.title(finding)} · ${this.words.behind(finding)}`
    const foot = [title, `${this.words.drawing()} · ensemble weights ${this.words.weights()}`, ...this.header.foot]
    const { canvas, places } = composed(panels, this.shownColumns, foot, this.ratio)
    const texts = {
      ...this.header.origin,
      "Ensemble weights": this.words.weights(),
      Findings: finding.label,
      Threshold: String(this.state.threshold),
      Drawing: this.words.drawing(),
      Window: this.words.window(),
      View: `source pixels ${seen.map((edge) => edge.toFixed(1)).join(", ")}`,
      Panels: JSON.stringify(Object.fromEntries(this.panels.map(({ id }, place) => [id, places[place]]))),
    }
    download(await pngOf(canvas, texts), name)
  }

}

/** The blobs of a table by name; each is held to its SHA-256 where the browser can (https and this machine). */
async function checked(table) {
  const [names, hashes, bytes] = ["name", "sha256", "bytes"].map((column) => table.getChild(column))
  const blobs = new Map()
  for (let row = 0; row < table.numRows; row++) {
    const blob = bytes.get(row)
    if (crypto.subtle) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", blob))
      const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
      if (found !== hashes.get(row)) throw new Error("What came is not what was sent.")
    }
    blobs.set(names.get(row), blob)
  }
  return blobs
}

/** Streamlit calls this when the component appears, and at every change of data or theme. */
export default function ({ data, parentElement, setStateValue }) {
  let viewer = VIEWERS.get(parentElement)
  if (!viewer) {
    viewer = new Viewer(parentElement)
    VIEWERS.set(parentElement, viewer)
  }
  viewer.send = setStateValue
  if (data) {
    viewer.take(data).catch((error) => {
      if (viewer.taking === data.header.sha256) viewer.fail(error) // else something newer is on its way
    })
  }
  return () => {
    VIEWERS.delete(parentElement)
    viewer.end()
  }
}
