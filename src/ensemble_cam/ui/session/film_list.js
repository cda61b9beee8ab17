// The session's films. The mark follows the stage; a click asks the server, which alone decides what is shown.

// @ts-check
/** @import { Appearance, ListedFilm, NamedFilm } from "../viewer/types.js" */
import { one } from "../viewer/elements.js"
import { filmKey, theStage } from "../viewer/stage.js"

/**
 * What the server sends, see `session.stage`.
 *
 * @typedef {{ films: ListedFilm[], on_stage: NamedFilm, revision: number }} Told
 */
/** @typedef {Appearance<Told>["setTriggerValue"]} Send */

/** @type {WeakMap<object, FilmList>} */
const LISTS = new WeakMap()

class FilmList {
  /** @param {ParentNode} root */
  constructor(root) {
    this.list = one(root, ".films")
    /** @type {number | null} the number of the film that the server was asked for, and has not shown yet */
    this.asked = null
    /** @type {ListedFilm[]} */
    this.films = []
    /** @type {HTMLElement[]} */
    this.rows = []
    /** @type {HTMLElement | undefined} the row that is marked */
    this.reached = undefined
    this.revision = 0
    this.told = "" // the films, as they were told last
    /** @type {Send} */
    this.send = () => {}
    this.ending = new AbortController()
    theStage().addEventListener("change", () => this.mark(), { signal: this.ending.signal })
  }

  /**
   * Show what the server sent: it has answered whatever it was asked.
   *
   * @param {Told} told
   * @param {Send} send
   */
  take({ films, on_stage, revision }, send) {
    this.films = films
    this.revision = revision
    this.send = send
    this.asked = null
    const told = JSON.stringify(films)
    if (told !== this.told) this.build(films)
    this.told = told
    theStage().expect(on_stage, films)
    this.mark()
  }

  /** @param {ListedFilm[]} films */
  build(films) {
    const root = this.list.getRootNode()
    const active = "activeElement" in root ? root.activeElement : null
    const focused = this.rows.findIndex((row) => row === active)
    this.rows = films.map((film, place) => {
      const row = document.createElement("div")
      row.setAttribute("role", "radio")
      row.textContent = film.name
      row.title = film.failure ? `${film.name}: ${film.failure}` : film.name
      row.classList.toggle("failed", Boolean(film.failure))
      row.onclick = () => this.ask(place)
      row.onkeydown = (event) => this.press(event, place)
      return row
    })
    this.list.replaceChildren(...this.rows)
    this.list.hidden = films.length < 2
    if (focused >= 0) this.rows[Math.min(focused, films.length - 1)].focus()
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
