// What the reader has set on the film that is here, its change, and what Python has been told of it.

// @ts-check
/** @import { Finding, GreyWindow, Grid, Review, Settings, Start } from "./types.js" */
import { DISAGREEMENT, ENSEMBLE, behind, ensembleParts, ranked } from "./findings.js"
import { History } from "./history.js"
import { readMaps, readSpread } from "./maps.js"
import { theStage } from "./stage.js"
import { View } from "./view.js"

export const FILM = "film" // the film without any map
const OWN_COLOURS = ["cividis", "viridis"] // of the disagreement: the first that maps are not drawn in

export const STYLES = /** @type {const} */ (["heatmap", "contour", "both"]) // as `settings.display` has them

/**
 * Who hears of a change.
 *
 * @typedef {object} Hearing
 * @property {(changes: Partial<Settings>) => void} changed what is set
 * @property {() => void} reordered the findings rank anew
 * @property {() => void} settled a hand that set something has let it go
 * @property {(message: object) => void} told what Python is to know
 */

export class State {
  /**
   * @param {Review} review the first that is here
   * @param {Hearing} hearing
   */
  constructor(review, hearing) {
    const { film, ...start } = structuredClone(review.header.start)
    this.review = review
    this.hearing = hearing
    /** @type {Settings} */
    this.settings = { ...start, large: theStage().large }
    this.view = new View(review.header.film.width, review.header.film.height)
    this.moving = false // whether a hand still holds what it sets
    this.held = false // Space hides the maps for as long as it is held
    /** @type {Finding[]} as they rank */
    this.order = []
    /** @type {Partial<Settings> & { film?: string | null }} what Python begins with, or was told last */
    this.known = { ...start, film }
    this.sent = "" // the last message, without its number
    /** @type {string | null} the finding that was asked for by name */
    this.wanted = null
    /** @type {string | null} the film that is wanted whole */
    this.asked = null
    this.fresh = true
    this.anew = review.header.anew
    this.history = new History()
    this.settled = this.settable // what was told last, which a step back returns to
  }

  /**
   * Begin with new data: what the reader set stays, as far as it goes with it.
   *
   * @param {Review} review
   * @param {boolean} another whether it is of another film
   */
  begin(review, another) {
    const { header } = review
    const { settings } = this
    const fresh = this.fresh || header.anew !== this.anew
    if (!this.fresh && fresh) this.beginAnew(header.start)
    this.anew = header.anew
    this.review = review
    this.fresh = false
    if (another) {
      this.history.forget()
      this.view = new View(header.film.width, header.film.height)
      this.asked = null
      const started = fresh && header.start.film === header.film.sha256
      if (!started) Object.assign(settings, { window: null, inverted: false, finding: null })
    }
    const weights = Object.fromEntries(header.classifiers.map(({ id, weight }) => [id, settings.weights[id] ?? weight]))
    settings.weights = { ...settings.weights, ...weights } // other sets' classifiers keep theirs
    this.order = this.ranked()
    const labels = this.order.map(({ label }) => label)
    if (header.wanted && header.wanted !== this.wanted && !fresh) settings.finding = header.wanted
    this.wanted = header.wanted
    // While the film stands alone, the finding that was looked at is remembered.
    if (labels.length && !labels.some((label) => label === settings.finding)) {
      settings.finding = header.wanted ?? labels[0]
    }
    this.settled = this.settable
  }

  /**
   * Go on as another page was left, by the same reader before a reload or by another one.
   *
   * @param {Start} start
   */
  beginAnew(start) {
    const { film, ...settings } = structuredClone(start)
    Object.assign(this.settings, settings)
    this.known = { ...settings, film }
    this.sent = ""
    this.history.forget()
  }

  /** A copy of what is set, but for what stands large, which is no step. */
  get settable() {
    const { large: _, ...settable } = structuredClone(this.settings)
    return settable
  }

  /**
   * Change what is set.
   *
   * @param {Partial<Settings>} changes
   */
  set(changes) {
    Object.assign(this.settings, changes)
    this.moving ||= !("large" in changes)
    theStage().large = this.settings.large // a viewer that comes later on this page begins so
    this.hearing.changed(changes)
  }

  /** Tell Python what is set now, unless it knows. */
  commit() {
    this.moving = false
    this.hearing.settled()
    this.rank()
    const told = this.told()
    const text = JSON.stringify(told)
    if (text === this.sent) return
    this.sent = text
    this.known = told
    const before = this.settled
    this.settled = this.settable
    if (!same(before, this.settled)) this.history.add(() => this.back(before))
    this.hearing.told({ ...told, serial: ++theStage().serial })
  }

  /** What is set now, as Python takes it, without the message's number. */
  told() {
    const { finding, threshold, opacity, colormap, style, window, inverted, weights, hidden } = this.settings
    const { sha256, detailed } = this.review.header.film
    const detail = detailed || this.asked === sha256 ? sha256 : null
    const drawn = { threshold, opacity, colormap, style, window, inverted, weights, hidden }
    return { finding, ...drawn, detail, film: sha256 }
  }

  /**
   * Set anew what was set before.
   *
   * @param {Omit<Settings, "large">} before
   */
  back(before) {
    this.set(before)
    this.commit()
  }

  /** Ask for the whole film, once. */
  askForDetail() {
    const { sha256 } = this.review.header.film
    if (this.asked === sha256) return
    this.asked = sha256
    this.commit()
  }

  /**
   * Whether an export would show what the screen does: Python begins a film as the viewer does, and goes by what it was
   * told.
   */
  get isKnown() {
    const { finding, window, inverted } = this.settings
    const { header } = this.review
    const told = this.known.film === header.film.sha256
    return (
      same(finding, told ? this.known.finding : header.first) &&
      same(window, told ? this.known.window : null) &&
      inverted === Boolean(told && this.known.inverted)
    )
  }

  /** Rank the findings anew: once weights are let go, not under the hand. */
  rank() {
    const order = this.ranked()
    if (order.every((each, place) => each === this.order[place])) return
    this.order = order
    this.hearing.reordered()
  }

  ranked() {
    const { findings, classifiers } = this.review.header
    return ranked(findings, classifiers, this.settings.weights)
  }

  /** @returns {GreyWindow} the window that is set, or the file's own */
  get window() {
    const { center, width } = this.review.header.film.window
    return this.settings.window ?? { center, width }
  }

  /** The finding that is looked at, or null. */
  get finding() {
    return this.review.header.findings.find(({ label }) => label === this.settings.finding) ?? null
  }

  /**
   * The name of the colours in which a panel is drawn.
   *
   * @param {string} id
   */
  colormapOf(id) {
    const { colormap } = this.settings
    return id === DISAGREEMENT ? (OWN_COLOURS.find((name) => name !== colormap) ?? colormap) : colormap
  }

  /**
   * The 256 colours in which a panel is drawn, RGB.
   *
   * @param {string} id
   */
  coloursOf(id) {
    const { header, colours } = this.review
    const start = 768 * header.colormaps.findIndex(({ name }) => name === this.colormapOf(id))
    return colours.subarray(start, start + 768)
  }

  /**
   * How a panel's grids are read: their sum, or what lies between the largest and the smallest.
   *
   * @param {string} id
   */
  reads(id) {
    return id === DISAGREEMENT ? readSpread : readMaps
  }

  /** Whether there are maps to be seen. */
  get mapped() {
    const { findings, withheld } = this.review.header
    return findings.length > 0 && !withheld
  }

  /** What can stand on the stage, in the strip's order: film, each classifier, ensemble, disagreement. */
  get offered() {
    if (!this.mapped) return [FILM]
    const ids = this.review.header.classifiers.map(({ id }) => id)
    return [FILM, ...ids, ENSEMBLE, ...(ids.length > 1 ? [DISAGREEMENT] : [])]
  }

  /** The panels that are to stand on the screen: classifiers and ensemble, or one of what is offered. */
  get shownIds() {
    const { offered } = this
    const { large } = this.settings
    if (offered.length === 1) return offered
    if (large === null) return [...this.review.header.classifiers.map(({ id }) => id), ENSEMBLE]
    return [offered.includes(large) ? large : ENSEMBLE]
  }

  /**
   * What a classifier or the ensemble is called.
   *
   * @param {string} id
   */
  nameOf(id) {
    if (id === FILM) return "Film"
    if (id === DISAGREEMENT) return "Disagreement"
    return id === ENSEMBLE ? "Ensemble" : (this.review.header.classifiers.find((each) => each.id === id)?.name ?? id)
  }

  /**
   * The ids behind a finding's ensemble.
   *
   * @param {Finding} finding
   */
  behind(finding) {
    return behind(finding, this.review.header.classifiers, this.settings.weights)
  }

  /**
   * The weighted grids that a panel shows of a finding; none where there is no map.
   *
   * @param {string} id
   * @param {Finding} finding
   * @returns {Grid[]}
   */
  parts(id, finding) {
    const { grids } = this.review
    if (id === DISAGREEMENT) {
      const compared = this.behind(finding).map((each) => grids[finding.maps[each]])
      return compared.length > 1 ? compared : []
    }
    if (id === ENSEMBLE) return ensembleParts(finding, this.behind(finding), this.settings.weights, grids)
    return Object.hasOwn(finding.maps, id) ? [grids[finding.maps[id]]] : []
  }
}

/**
 * @param {unknown} one
 * @param {unknown} other
 */
function same(one, other) {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null)
}
