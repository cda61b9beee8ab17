// What a reader says of the film: marks before scores and maps are shown, and a verdict of each finding behind that.
//
// Nothing is held here: what is said goes to the server by the stage, and what is shown is what the server has kept.

// @ts-check
/** @import { Message, ReaderMark, Said, Verdict } from "./types.js" */
/** @import { FindingList } from "./finding_list.js" */
/** @import { Panels } from "./panels.js" */
/** @import { Readout } from "./readout.js" */
/** @import { State } from "./state.js" */
import { Drawing, networksOutlines, on, outlined } from "./drawing.js"
import { element, one } from "./elements.js"
import { filmKey, theStage } from "./stage.js"
import { shape } from "./shapes.js"

const SVG = "http://www.w3.org/2000/svg"
const SURE = [1, 2, 3, 4, 5]
/** @type {Map<string, [Verdict, string]>} */
const VERDICTS = new Map([
  ["y", ["agree", "Agree"]],
  ["f", ["disagree", "Disagree"]],
  ["u", ["unsure", "Unsure"]],
])

export class Verdicts {
  /**
   * @param {HTMLElement} box the viewer's
   * @param {State} state
   * @param {Panels} panels
   * @param {Readout} readout that knows where the pointer is
   * @param {FindingList} list
   * @param {AbortSignal} signal
   */
  constructor(box, state, panels, readout, list, signal) {
    this.box = one(box, ".verdict")
    this.state = state
    this.panels = panels
    this.readout = readout
    this.list = list
    /** @type {string | null} the label that the next mark is of */
    this.chosen = null
    this.of = "" // the film that it is chosen for
    this.armed = false // whether a click on the film sets a mark
    this.built = "" // what the box was built for
    this.outlines = true // whether the networks' outlines are over a film whose first read is over
    const at = (/** @type {PointerEvent} */ event) => this.at(event)
    const drawn = (/** @type {"box" | "outline"} */ shape, /** @type {[number, number][]} */ points) => {
      if (this.chosen !== null) this.say({ kind: "shape", finding: this.chosen, shape, points })
    }
    this.drawing = new Drawing(panels, { at, drawn, changed: () => this.renew() }, signal)
    theStage().addEventListener("said", () => this.renew(), { signal })
    const down = (/** @type {PointerEvent} */ event) => this.click(event)
    panels.box.addEventListener("pointerdown", down, { capture: true, signal })
  }

  /** What is kept of the film that is here; null where that is not known. @returns {Said | null} */
  get said() {
    const { said } = theStage()
    const { number, film } = this.state.review.header
    return said && filmKey(said.film) === filmKey({ number, sha256: film.sha256 }) ? said : null
  }

  /**
   * Do what a key does; whether it does anything.
   *
   * @param {string} key
   */
  key(key) {
    const { said } = this
    if (!said || said.phase === "none") return false
    const verdict = VERDICTS.get(key)
    if (said.phase === "after" && verdict) return this.judge(verdict[0])
    if (said.phase === "first" && key === "v" && !said.alone) return this.say({ kind: "reveal" })
    if (said.phase === "first" && (key === "j" || key === "k")) return this.choose(key === "j" ? 1 : -1)
    if (said.phase === "first" && SURE.includes(Number(key))) return this.say({ kind: "sure", confidence: Number(key) })
    if (key === "q") return this.mark(this.pointed ?? this.middle)
    if (key === "backspace") return this.say({ kind: "back" })
    if (key === "w" && (said.phase === "after" || said.alone)) return this.say({ kind: "done" })
    return false
  }

  /** @param {Omit<Message, "id" | "film">} message */
  say(message) {
    theStage().say(message)
    return true
  }

  /** @param {Verdict} verdict of the finding that is looked at; whether there is one */
  judge(verdict) {
    const { finding } = this.state
    return finding ? this.say({ kind: "verdict", finding: finding.label, verdict }) : false
  }

  /** @param {1 | -1} by */
  choose(by) {
    const labels = this.said?.labels ?? []
    const at = labels.findIndex(({ label }) => label === this.chosen) + by
    this.chosen = labels[Math.min(Math.max(at, 0), labels.length - 1)]?.label ?? null
    this.renew()
    return true
  }

  /** @param {[number, number] | null} place */
  mark(place) {
    this.armed = false
    this.panels.box.toggleAttribute("data-measuring", false)
    return this.chosen === null ? false : this.say({ kind: "mark", finding: this.chosen, place })
  }

  /** Have the next click on the film set the mark. */
  arm() {
    this.armed = !this.armed
    this.panels.box.toggleAttribute("data-measuring", this.armed)
    this.renew()
  }

  /** @param {PointerEvent} event */
  click(event) {
    if (!this.armed || event.button !== 0 || !(event.target instanceof HTMLCanvasElement)) return
    event.preventDefault()
    event.stopPropagation()
    this.mark(this.at(event))
  }

  /**
   * Where an event on a panel is on the film; null where it is not on it.
   *
   * @param {PointerEvent} event
   */
  at(event) {
    if (!(event.target instanceof HTMLCanvasElement)) return null
    const { left, top } = event.target.getBoundingClientRect()
    return this.onFilm((event.clientX - left) * this.panels.ratio, (event.clientY - top) * this.panels.ratio)
  }

  /** Where the pointer is on the film, in source pixels; null where it is not on it. */
  get pointed() {
    const { pointer } = this.readout
    return pointer && this.onFilm(pointer[0] + 0.5, pointer[1] + 0.5)
  }

  /** The film's point in the middle of a panel; null where the film is not there. */
  get middle() {
    return this.onFilm(this.panels.width / 2, this.panels.height / 2)
  }

  /**
   * @param {number} x of a panel's canvas
   * @param {number} y likewise
   * @returns {[number, number] | null}
   */
  onFilm(x, y) {
    const { place } = this.panels
    if (!place) return null
    const { width, height } = this.state.review.header.film
    const [column, row] = [(place.left + x) / place.scale, (place.top + y) / place.scale]
    return column < 0 || row < 0 || column > width || row > height ? null : [column, row]
  }

  /** Show what is kept now. */
  renew() {
    const { said } = this
    this.box.hidden = !said || said.phase === "none"
    for (const { finding, row } of this.list.rows) row.dataset.verdict = said?.verdicts[finding.label] ?? ""
    if (!said || said.phase === "none") return this.draw()
    if (this.of !== filmKey(said.film)) {
      this.of = filmKey(said.film)
      this.chosen = said.labels[0]?.label ?? null
      this.armed = false
    }
    const { finding } = this.state
    const calls = this.list.rows.map(({ badge }) => badge.textContent)
    const { armed, drawing, outlines } = this
    const shown = JSON.stringify([said, this.chosen, armed, drawing.kind, outlines, finding?.label, calls])
    if (shown === this.built) return this.draw()
    this.built = shown
    const root = this.box.getRootNode()
    const focused = "activeElement" in root && root.activeElement instanceof HTMLElement ? root.activeElement.id : ""
    this.box.replaceChildren(...(said.phase === "after" ? this.after(said) : this.first(said)), ...failure(said))
    const again = focused && this.box.querySelector(`#${focused}`)
    if (again instanceof HTMLElement) again.focus({ preventScroll: true })
    this.draw()
  }

  /** @param {Said} said */
  first(said) {
    if (said.phase === "again") {
      return [line("Scores and maps of this film were shown before: it is no first read any more."), this.progress(said)]
    }
    const last = said.marks.at(-1)
    const sure = row(
      element("span", "", "Sure"),
      ...SURE.map((each) => {
        const made = this.button(String(each), () => this.key(String(each)), `sure-${each}`, `${each} of 5`)
        made.setAttribute("aria-pressed", String(last?.confidence === each))
        made.disabled = !last
        return made
      }),
    )
    const next = this.button("Done – next", () => this.key("w"), "done", "W")
    const then = said.alone ? next : element("span", "hint", "V: lock it, show maps")
    return [...this.marking(said, "Your first read"), sure, row(then, this.progress(said))]
  }

  /** @param {Said} said */
  after(said) {
    const { finding } = this.state
    const given = finding ? said.verdicts[finding.label] : undefined
    const verdicts = row(
      ...[...VERDICTS].map(([key, [verdict, name]]) => {
        const made = this.button(name, () => this.key(key), verdict, `${key.toUpperCase()}: with the networks' call`)
        made.setAttribute("aria-pressed", String(given === verdict))
        return made
      }),
    )
    const missed = element("details")
    missed.open = this.armed || this.box.querySelector("details")?.open === true
    missed.append(element("summary", "", "Missed finding, note"), ...this.marking(said, ""), this.note(said))
    const done = this.button(said.done ? "Done ✓ – next" : "Done – next", () => this.key("w"), "done", "W")
    const call = this.list.rows.find((each) => each.finding === finding)?.badge.textContent ?? ""
    const asked = line(finding ? `${finding.name} – ${call}: do you agree?` : "")
    return [asked, verdicts, ...compared(said), ...this.outlining(said), missed, row(done, this.progress(said))]
  }

  /**
   * What is marked, and what marks.
   *
   * @param {Said} said
   * @param {string} title
   */
  marking(said, title) {
    const choice = element("select")
    choice.id = "seen"
    choice.setAttribute("aria-label", "Finding to mark")
    for (const { label, name } of said.labels) {
      const option = element("option", "", name)
      option.value = label
      choice.append(option)
    }
    choice.value = this.chosen ?? ""
    choice.addEventListener("change", () => {
      this.chosen = choice.value
      this.renew()
    })
    const set = this.button(this.armed ? "Click on the film" : "Mark", () => this.arm(), "mark", "Q: at the pointer")
    set.setAttribute("aria-pressed", String(this.armed))
    const named = this.button("Without a place", () => this.mark(null), "named", "For what has no one place")
    const own = said.marks.filter(({ phase }) => phase === (said.phase === "after" ? "after" : "first"))
    const back = this.button("Back", () => this.key("backspace"), "back", "Backspace: takes the last mark back")
    back.disabled = !own.length
    const marks = own.map(({ name, place, confidence }) => `${name}${place ? "" : " (no place)"}${confidence ? ` · ${confidence}` : ""}`)
    const marked = line(marks.join(" — ") || "Nothing marked.")
    return [...(title ? [line(title, "name")] : []), row(choice, set, named, back), marked, this.pencils(said)]
  }

  /**
   * What draws around the finding that is chosen.
   *
   * @param {Said} said
   */
  pencils(said) {
    const pencil = (/** @type {"box" | "outline"} */ kind, /** @type {string} */ name) => {
      const made = this.button(name, () => this.drawing.take(kind), `draw-${kind}`, "Press, draw on the film, let go")
      made.setAttribute("aria-pressed", String(this.drawing.kind === kind))
      return made
    }
    const own = said.shapes.filter(({ phase }) => phase === (said.phase === "after" ? "after" : "first"))
    const back = this.button("Take back", () => this.say({ kind: "unshape" }), "undraw", "The last one that was drawn")
    back.disabled = !own.length
    const count = said.shapes.length
    const ends = this.drawing.kind === "outline" ? "; the last one twice" : ""
    const how = this.drawing.kind ? `Or by keys: arrows, Enter at each corner${ends}` : ""
    const told = element("span", "hint", how || (count ? `${count} drawn` : ""))
    told.setAttribute("role", "status")
    return row(element("span", "", "Draw"), pencil("box", "Box"), pencil("outline", "Outline"), back, told)
  }

  /**
   * What shows and hides the networks' outlines.
   *
   * @param {Said} said
   */
  outlining({ outlines }) {
    if (!outlines.length) return []
    const press = () => {
      this.outlines = !this.outlines
      this.renew()
    }
    const made = this.button("Networks' outlines", press, "outlines", "Each in its colour, from half of its maximum on")
    made.setAttribute("aria-pressed", String(this.outlines))
    return [row(made)]
  }

  /** @param {Said} said */
  note(said) {
    const { finding } = this.state
    const given = element("input")
    given.id = "note"
    given.type = "text"
    given.maxLength = 2000
    given.placeholder = finding ? `Note on ${finding.name}` : "Note"
    given.setAttribute("aria-label", given.placeholder)
    given.value = said.notes.find((each) => each.finding === (finding?.label ?? null))?.text ?? ""
    given.addEventListener("change", () => this.say({ kind: "note", finding: finding?.label ?? null, text: given.value }))
    return given
  }

  /** @param {Said} said */
  progress(said) {
    return element("span", "progress", said.progress)
  }

  /**
   * @param {string} text
   * @param {() => void} press
   * @param {string} id
   * @param {string} title
   */
  button(text, press, id, title) {
    const made = element("button", "", text)
    Object.assign(made, { type: "button", id, title })
    made.addEventListener("click", press)
    return made
  }

  /** Draw the reader's marks over every panel, where the film lies there now. */
  draw() {
    const { place, ratio, all } = this.panels
    const { drawing, said } = this
    const [marks, shapes] = [said?.marks ?? [], said?.shapes ?? []]
    const { settings, held } = this.state
    const seen = this.outlines && said?.phase === "after" && !settings.hidden && !held
    const outlines = seen ? said.outlines : []
    for (const panel of all) {
      let svg = panel.screen.querySelector("svg.said")
      if (!svg) {
        if (!marks.length && !shapes.length && !drawing.corners.length && !outlines.length) continue
        svg = document.createElementNS(SVG, "svg")
        svg.classList.add("said")
        svg.setAttribute("aria-hidden", "true") // it is said in the rail
        panel.screen.append(svg)
      }
      const begun = place ? drawing.begun(place, ratio) : []
      const all = place ? shapes.flatMap((each) => outlined(each, place, ratio)) : []
      const theirs = place ? networksOutlines(outlines, said?.compared ?? null, place, ratio) : []
      const own = place ? marks.flatMap((mark) => drawn(mark, place, ratio)) : []
      svg.replaceChildren(...theirs, ...own, ...all, ...begun)
    }
  }
}

/**
 * @param {ReaderMark} mark
 * @param {{ scale: number, left: number, top: number }} place
 * @param {number} ratio
 */
function drawn({ name, place: at, phase }, place, ratio) {
  if (!at) return []
  const [x, y] = on(at, place, ratio)
  const text = shape("text", { x: x + 11, y: y + 4 })
  text.textContent = name
  return [shape("circle", { cx: x, cy: y, r: 8, class: phase }), text]
}

/** @param {Said} said */
function compared({ compared: found }) {
  if (!found) return []
  const parts = [
    ["both", found.both],
    ["only you", found.you],
    ["only networks", found.networks],
  ]
  return parts.flatMap(([name, findings]) => (findings.length ? [line(`${name}: ${[findings].flat().join(", ")}`)] : []))
}

/** @param {Said} said */
function failure({ failed }) {
  return failed ? [line(failed, "failed")] : []
}

/**
 * @param {string} text
 * @param {string} [look]
 */
function line(text, look = "") {
  return element("p", look, text)
}

/** @param {HTMLElement[]} parts */
function row(...parts) {
  const made = element("div", "row")
  made.append(...parts)
  return made
}
