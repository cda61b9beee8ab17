// The session's films. The mark follows the stage; a click asks the server, which alone decides what is shown.

// @ts-check
/** @import { Appearance, ListedFilm, NamedFilm } from "../viewer/types.js" */
import { element, one } from "../viewer/elements.js"
import { filmKey, theStage } from "../viewer/stage.js"

/**
 * What the server sends, see `session.stage`.
 *
 * @typedef {{ films: ListedFilm[], on_stage: NamedFilm, revision: number, progress: string }} Told
 */
/** @typedef {Appearance<Told>["setTriggerValue"]} Send */

/** @type {WeakMap<object, FilmList>} */
const LISTS = new WeakMap()

/**
 * What films can be ordered by: the less, the earlier; null, where nothing is known, comes last.
 *
 * @type {Record<string, (film: ListedFilm) => number | null>}
 */
const ORDERS = {
  opened: () => 0,
  split: ({ split, called }) => (split.length || called.length ? -split.length : null),
  distance: ({ distance }) => distance,
  overlap: ({ overlap }) => overlap,
  todo: ({ done }) => Number(done),
}

/**
 * Which films are listed; the one on the stage is, whatever it is.
 *
 * @type {Record<string, (film: ListedFilm) => boolean>}
 */
const LISTED = {
  all: () => true,
  todo: ({ done }) => !done,
  apart: ({ apart }) => apart > 0,
  split: ({ split }) => split.length > 0,
  called: ({ called }) => called.length > 0,
  noted: ({ noted }) => noted,
}

/** @type {Record<string, string>} */
const STATES = {
  failed: "cannot be read",
  unread: "being read",
  hidden: "read first",
  "not reviewed": "not reviewed yet",
  meaningless: "scores mean nothing",
}

class FilmList {
  /** @param {ParentNode} root */
  constructor(root) {
    this.list = one(root, ".films")
    this.order = one(root, ".order")
    this.by = one(root, ".order select", HTMLSelectElement)
    this.only = one(root, ".only")
    this.which = one(root, ".only select", HTMLSelectElement)
    this.progress = one(root, ".progress")
    this.far = "" // how far the reader is with them
    /** @type {number | null} the number of the film that the server was asked for, and has not shown yet */
    this.asked = null
    /** @type {ListedFilm[]} as they are listed */
    this.films = []
    /** @type {ListedFilm[]} as they were opened */
    this.opened = []
    /** @type {HTMLElement[]} */
    this.rows = []
    /** @type {HTMLElement | undefined} the row that is marked */
    this.reached = undefined
    this.revision = 0
    this.told = "" // the films, as they were told last
    /** @type {Send} */
    this.send = () => {}
    this.ending = new AbortController()
    const { signal } = this.ending
    theStage().addEventListener("change", () => this.mark(), { signal })
    const step = (/** @type {Event} */ event) => event instanceof CustomEvent && this.step(event.detail)
    theStage().addEventListener("step", step, { signal })
    const learn = (/** @type {Event} */ event) => event instanceof CustomEvent && this.learn(event.detail)
    theStage().addEventListener("told", learn, { signal })
    this.by.addEventListener("change", () => this.arrange(), { signal })
    this.which.addEventListener("change", () => this.arrange(), { signal })
  }

  /**
   * Show what the server sent: it has answered whatever it was asked.
   *
   * @param {Told} told
   * @param {Send} send
   */
  take({ films, on_stage, revision, progress }, send) {
    this.far = films.length > 1 ? progress : ""
    this.opened = films
    this.revision = revision
    this.send = send
    this.asked = null
    const told = JSON.stringify(films)
    if (told !== this.told) this.arrange()
    this.told = told
    this.count()
    theStage().expect(on_stage, this.films)
    this.mark()
  }

  /**
   * Take in what has become known of the films since the list was drawn, and those that came since.
   *
   * @param {{ films: ListedFilm[], progress: string }} told those that are listed without their pictures, and how far
   *   the reader is
   */
  learn({ films, progress }) {
    const listed = new Map(this.opened.map((film) => [filmKey(film), film]))
    const known = new Map(films.map((film) => [filmKey(film), film]))
    const opened = [...new Map([...listed, ...known])].map(([key, film]) => {
      return { ...film, picture: film.picture ?? listed.get(key)?.picture ?? null }
    })
    this.far = progress
    if (JSON.stringify(opened) === JSON.stringify(this.opened)) return this.count()
    this.opened = opened
    this.told = JSON.stringify(opened)
    this.arrange()
  }

  /** List the films that are chosen, in the order that is. */
  arrange() {
    const measure = ORDERS[this.by.value]
    const passes = LISTED[this.which.value]
    const { shown } = theStage()
    const rank = (/** @type {ListedFilm} */ film) => measure(film) ?? Infinity
    const listed = this.opened.filter((film) => passes(film) || (shown && filmKey(shown) === filmKey(film)))
    this.build(listed.sort((one, other) => (rank(one) < rank(other) ? -1 : Number(rank(one) > rank(other)))))
    this.count()
    theStage().expect(theStage().coming, this.films)
    this.mark()
  }

  /** Say how far the reader is, and how many of the films are listed. */
  count() {
    const some = this.which.value === "all" ? "" : `${this.films.length} of ${this.opened.length} listed`
    this.progress.textContent = [this.far, some].filter(Boolean).join(" · ")
  }

  /** @param {ListedFilm[]} films */
  build(films) {
    const root = this.list.getRootNode()
    const active = "activeElement" in root ? root.activeElement : null
    const focused = this.films[this.rows.findIndex((row) => row === active)]?.number
    const { scrollTop } = this.list
    this.films = films
    this.rows = films.map((film, place) => {
      const row = rowOf(film)
      row.onclick = () => this.ask(place)
      row.onkeydown = (event) => this.press(event, place)
      return row
    })
    this.list.replaceChildren(...this.rows)
    this.list.scrollTop = scrollTop
    this.list.hidden = this.order.hidden = this.only.hidden = this.opened.length < 2
    const again = films.findIndex(({ number }) => number === focused)
    if (focused !== undefined) this.rows[again < 0 ? 0 : again].focus()
  }

  /**
   * Ask for the film after the one on the stage, or before it; none beyond the ends.
   *
   * @param {1 | -1} by
   */
  step(by) {
    const { shown } = theStage()
    const asked = this.films.findIndex(({ number }) => number === this.asked)
    const here = asked < 0 ? this.films.findIndex((film) => shown && filmKey(film) === filmKey(shown)) : asked
    if (here >= 0 && this.films[here + by]) this.ask(here + by)
  }

  /** @param {number} place in the list */
  ask(place) {
    const { number, sha256 } = this.films[place]
    this.asked = number
    this.mark()
    this.send("request", { number, sha256, revision: this.revision })
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} place the row's that has the focus
   */
  press(event, place) {
    const last = this.rows.length - 1
    const places = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last, " ": place, Enter: place }
    const to = new Map(Object.entries(places)).get(event.key)
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    const next = Math.min(Math.max(to, 0), last)
    this.rows[next].focus()
    this.ask(next)
  }

  /** Mark the film that is on the stage, and the one that was asked for. */
  mark() {
    const { shown } = theStage()
    /** @type {HTMLElement | undefined} */
    let reached
    this.rows.forEach((row, place) => {
      const film = this.films[place]
      const here = shown !== null && filmKey(shown) === filmKey(film)
      if (here && this.asked === film.number) this.asked = null
      row.setAttribute("aria-checked", String(here))
      row.setAttribute("aria-busy", String(this.asked === film.number))
      if (here) reached = row
    })
    this.rows.forEach((row) => (row.tabIndex = row === (reached ?? this.rows[0]) ? 0 : -1))
    if (reached !== this.reached) reached?.scrollIntoView({ block: "nearest" })
    this.reached = reached
  }

  end() {
    this.ending.abort()
    theStage().expect(null)
  }
}

/**
 * A film's row: its picture, its name, how far it is, and what the networks say of it.
 *
 * @param {ListedFilm} film
 */
function rowOf({ name, failure, picture, state, called, split, said }) {
  const row = element("div", failure ? "failed" : "")
  row.setAttribute("role", "radio")
  row.tabIndex = -1 // until it is marked; without one it takes no focus
  const small = picture ? element("img", "picture") : element("span", "picture")
  if (small instanceof HTMLImageElement && picture) Object.assign(small, { src: picture, alt: "" })
  const told = element("span", "state")
  if (state !== "reviewed") told.textContent = STATES[state] ?? state
  else {
    if (split.length) told.append(element("span", "split", `split: ${split.join(", ")}`), " ")
    told.append(called.length ? `called: ${called.join(", ")}` : "nothing called")
  }
  if (said) told.prepend(element("span", "said", said), " · ")
  row.append(small, element("span", "name", name), told)
  row.title = `${name}: ${failure ?? told.textContent}`
  return row
}

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<Told>} appearance
 */
export default function ({ data, parentElement, setTriggerValue }) {
  let list = LISTS.get(parentElement)
  if (!list) LISTS.set(parentElement, (list = new FilmList(parentElement)))
  const here = list
  here.take(data, setTriggerValue)
  return () => {
    LISTS.delete(parentElement)
    here.end()
  }
}
