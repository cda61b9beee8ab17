// A film on the screen, as it is read: what is set, the panels that show it, and what stands around them.

// @ts-check
/** @import { Finding, Review, Root, Settings, Stale } from "./types.js" */
import { captionPanels, markWeightless, showLegend } from "./captions.js"
import { Controls } from "./controls.js"
import { sayCorners } from "./corners.js"
import { drawPanels } from "./draw.js"
import { one, showText, write } from "./elements.js"
import { FindingList } from "./finding_list.js"
import { DISAGREEMENT } from "./findings.js"
import { Gestures } from "./gestures.js"
import { greyTable } from "./greys.js"
import { Keys } from "./keys.js"
import { Magnifier } from "./magnifier.js"
import { Measures } from "./measures.js"
import { Navigation } from "./navigation.js"
import { Panels } from "./panels.js"
import { Readout } from "./readout.js"
import { Saving } from "./save.js"
import { State } from "./state.js"
import { Thumbs } from "./thumbs.js"
import { Tools } from "./tools.js"
import { Truth } from "./truth.js"
import { Verdicts } from "./verdict.js"
import { Words } from "./words.js"

/**
 * What a reading tells.
 *
 * @typedef {object} Telling
 * @property {(message: object) => void} told what Python is to know
 * @property {(message: object) => void} wanted what Python is to draw
 * @property {(point: [number, number]) => void} pointed a point on the film that was asked for
 * @property {(text: string) => void} say what went wrong, to the reader
 * @property {(error: unknown) => void} fail that nothing can be drawn
 */

export class Reading {
  /**
   * @param {HTMLElement} box the viewer's
   * @param {Root} root that it lies in
   * @param {Review} review the first that is here
   * @param {Telling} telling
   * @param {AbortSignal} signal ends it
   */
  constructor(box, root, review, telling, signal) {
    this.box = box
    this.telling = telling
    /** @type {Set<Stale>} */
    this.stale = new Set()
    this.frame = 0 // that was asked for
    const ask = (/** @type {Stale} */ what) => this.ask(what)
    const state = new State(review, {
      changed: (changes) => this.changed(changes),
      reordered: () => this.reordered(),
      settled: () => this.thumbs.settle(() => this.ask("strip")),
      told: telling.told,
    })
    this.state = state
    this.measures = new Measures(state)
    this.words = new Words(state, this.measures)
    this.controls = new Controls(box, state, signal)
    this.list = new FindingList(one(box, ".findings"), (label) => this.keys.change({ finding: label }))
    this.panels = new Panels(one(box, ".panels"), root, (panel, canvas) => this.gestures.watch(panel, canvas))
    this.thumbs = new Thumbs(one(box, ".thumbs"), (id) => this.keys.show(id))
    this.readout = new Readout(one(box, ".readout"), state, this.panels)
    const navigation = new Navigation(state, this.panels, ask)
    this.tools = new Tools(box, state, this.panels, state.history, telling.pointed, signal)
    this.truth = new Truth(state, this.panels)
    this.magnifier = new Magnifier(state, this.panels)
    this.verdicts = new Verdicts(box, state, this.panels, this.readout, this.list, signal)
    const { tools, magnifier, verdicts } = this
    const hand = { tools, magnifier, verdicts, hold: (/** @type {boolean} */ on) => this.keys.hold(on) }
    this.gestures = new Gestures(state, this.panels, navigation, this.readout, hand, signal)
    this.keys = new Keys(box, state, this.panels, navigation, hand, ask, signal)
    const saving = new Saving(one(box, "#save"), telling.wanted, telling.say, signal)
    one(box, "#save").addEventListener("click", () => saving.begin(state, this.panels), { signal })
    const watcher = new ResizeObserver(() => ask("size"))
    watcher.observe(this.panels.box)
    watcher.observe(this.thumbs.box)
    signal.addEventListener("abort", () => {
      watcher.disconnect()
      cancelAnimationFrame(this.frame)
    })
  }

  /**
   * Begin with new data: what the reader set stays, as far as it goes with it.
   *
   * @param {Review} review
   * @param {boolean} another whether it is of another film
   */
  show(review, another) {
    const { box, state } = this
    const { header } = review
    this.measures.forget()
    state.begin(review, another)
    if (another) this.tools.forget()
    else this.tools.heed()
    const alone = !header.findings.length
    const bare = alone || header.withheld // of maps
    if (header.frame.kind) box.dataset.frame = header.frame.kind
    else delete box.dataset.frame
    one(box, ".set").textContent = header.set
    one(box, ".set").title = header.set
    this.list.show(state.order, header.classifiers)
    showLegend(one(box, ".legend"), header.classifiers)
    this.controls.offer(header)
    for (const part of [".findings", ".legend"]) one(box, part).hidden = alone
    for (const part of ["#hide", "#large", "#save", "#exports"]) one(box, part).hidden = bare
    if (header.planted) {
      one(box, "#save").hidden = true
      one(box, "#exports").hidden = false
    }
    write(one(box, "#exports"), header.planted ? "Tables ↓" : "Files ↓")
    this.renewGreys()
    this.build()
    this.ask("size")
    this.list.reveal(state.settings.finding)
    if (!alone && !state.isKnown) state.commit()
  }

  /**
   * Show at the next frame what was set.
   *
   * @param {Partial<Settings>} changes
   */
  changed(changes) {
    if ("window" in changes || "inverted" in changes) this.renewGreys()
    if ("finding" in changes) this.list.reveal(this.state.settings.finding)
    if ("large" in changes) this.build()
    this.ask("finding" in changes || "weights" in changes ? "maps" : "look")
  }

  /** Show the findings in their new order. */
  reordered() {
    const { state } = this
    this.list.show(state.order, state.review.header.classifiers)
    this.list.reveal(state.settings.finding)
    this.ask("look")
  }

  renewGreys() {
    const { film, header, own } = this.state.review
    film.greys = greyTable(header.film, own, this.state.settings)
    this.ask("film")
  }

  /** Have the panels stand on the screen that are to be shown. */
  build() {
    const { state } = this
    const laidAnew = this.panels.build(state.shownIds)
    this.thumbs.build(state.mapped && state.settings.large !== null ? state.offered : [])
    this.box.toggleAttribute("data-abreast", state.settings.large === null)
    this.press("#large", state.settings.large !== null)
    this.ask(laidAnew ? "size" : "maps")
  }

  /**
   * Have the next frame drawn.
   *
   * @param {Stale} what has changed
   */
  ask(what) {
    this.stale.add(what)
    if (this.frame) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      try {
        this.draw()
      } catch (error) {
        this.telling.fail(error)
      }
    })
  }

  draw() {
    const { box, state, panels, words } = this
    const { finding } = state
    if (this.stale.has("size")) this.caption(finding) // how many lines they take decides how large the films are
    if (!drawPanels(state, panels, this.stale)) return
    this.thumbs.draw(state, finding, this.stale, (id) => {
      return finding ? words.thumb(id, finding) : { name: "", told: "", struck: null }
    })
    this.tools.draw()
    this.truth.draw()
    this.verdicts.draw()
    this.magnifier.draw()
    this.stale.clear()
    box.removeAttribute("data-undrawn")
    this.readout.renew()
    this.renewWords(finding)
    const { film } = state.review
    const enough = Math.min(film.levels[0].perX * 1.3, 0.999) // at 1:1 every pixel is the film's own
    if (!film.whole && panels.place && panels.place.scale > enough) state.askForDetail()
    box.dataset.drawn = String(Number(box.dataset.drawn ?? 0) + 1)
    box.dispatchEvent(new CustomEvent("drawn"))
  }

  /** @param {Finding | null} finding */
  caption(finding) {
    const { header } = this.state.review
    captionPanels(this.panels.all, header.withheld ? null : finding, header, this.words)
  }

  /** Say anew which film this is: others may have come. */
  renewCorners() {
    sayCorners(this.panels, this.state)
  }

  /**
   * Say what is set and what is seen.
   *
   * @param {Finding | null} finding
   */
  renewWords(finding) {
    const { box, state, words } = this
    this.controls.sync()
    this.press("#hide", state.settings.hidden)
    this.press("#invert", state.settings.inverted)
    const { withheld } = state.review.header
    const support = finding && !withheld ? words.support(finding) : ""
    const behind = [support, state.review.header.outside].filter(Boolean).join(" · ")
    const title = finding ? words.title(finding) : ""
    showText(one(box, ".title"), title, finding && words.struck(finding))
    one(box, ".title").title = title
    write(one(box, ".behind"), behind)
    one(box, ".behind").title = behind
    this.caption(finding)
    sayCorners(this.panels, state)
    if (!finding) return this.verdicts.renew()
    this.thumbs.mark(state.settings.large === null ? null : state.shownIds[0])
    const [first] = state.shownIds
    this.controls.drawBar(first, first === DISAGREEMENT ? "disagreement" : "relative activation")
    const agreement = (/** @type {Finding} */ each) => this.measures.agreement(each)
    const isSplit = (/** @type {Finding} */ each) => words.isSplit(each)
    this.list.renew(state.settings.finding, (each) => words.mean(each), agreement, isSplit)
    markWeightless(box, state)
    this.verdicts.renew()
  }

  /**
   * @param {string} button
   * @param {boolean} on
   */
  press(button, on) {
    one(this.box, button).setAttribute("aria-pressed", String(on))
  }
}
