// Which film stands on the stage: one truth for all components of a page, and for what Streamlit draws around them.
//
// The stage itself says it, in the moment in which the film's picture, scores and name change. Everything on the page
// that is of a film lies in containers whose keys bear that film's number and hash: those of any other film are hidden
// from that moment on. So nothing that can be seen together is of two films, whatever comes late.

// @ts-check
/** @import { FilmId, ListedFilm, Message, NamedFilm, Said } from "./types.js" */

const STAGE = Symbol.for("ensemble-cam stage")

/**
 * A film's number and hash, as the keys of its containers bear them.
 *
 * @param {FilmId} film
 */
export function filmKey(film) {
  return `${film.number}-${film.sha256.slice(0, 12)}`
}

class Stage extends EventTarget {
  constructor() {
    super()
    /** @type {FilmId | null} the film on the stage */
    this.shown = null
    /** @type {object | null} which component has put it there */
    this.owner = null
    /** @type {NamedFilm | null} the film that the server has put on the stage */
    this.coming = null
    /** @type {ListedFilm[]} the session's */
    this.films = []
    /** @type {string | null} what stands large in a viewer, see `Settings`; null where all maps stand side by side */
    this.large = "ensemble"
    /** @type {Said | null} what the reader has said of the film on the stage, as it is kept */
    this.said = null
    this.serial = Math.floor(performance.timeOrigin) // of messages to the server: a later page goes on above an earlier one
    this.handed = this.serial // the last message whose answer the reader was handed
    this.sheet = new CSSStyleSheet()
    document.adoptedStyleSheets.push(this.sheet)
  }

  /**
   * Say that a film is on the stage from now on.
   *
   * @param {FilmId} film
   * @param {object} owner
   */
  show(film, owner) {
    this.owner = owner
    this.shown = film
    const own = `[class*="st-key-of-film-${filmKey(film)}-"]`
    const others = `[class*="st-key-of-film-"]:not(${own})`
    // Some inside say they are visible.
    this.sheet.replaceSync(`${others}, ${others} * { visibility: hidden !important; }`)
    this.dispatchEvent(new Event("change"))
  }

  /**
   * Say that a component leaves the page, with its film.
   *
   * @param {object} owner
   */
  leave(owner) {
    if (this.owner !== owner) return
    this.owner = this.shown = null
    this.sheet.replaceSync("")
    this.dispatchEvent(new Event("change"))
  }

  /**
   * Say which film the server has put on the stage, and which there are.
   *
   * @param {NamedFilm | null} film
   * @param {ListedFilm[]} [films]
   */
  expect(film, films = this.films) {
    this.coming = film
    this.films = films
    this.dispatchEvent(new Event("change"))
  }

  /**
   * Say what has become known of the films, the pictures of those that are listed aside.
   *
   * @param {ListedFilm[]} films
   * @param {string} progress how far the reader is with them
   */
  tell(films, progress) {
    this.dispatchEvent(new CustomEvent("told", { detail: { films, progress } }))
  }

  /**
   * Ask for the film that comes after the one on the stage in the list, or before it.
   *
   * @param {1 | -1} by
   */
  step(by) {
    this.dispatchEvent(new CustomEvent("step", { detail: by }))
  }

  /**
   * Whether the answer to a message is new to this page, once.
   *
   * @param {number} serial the message's
   */
  takes(serial) {
    if (serial <= this.handed) return false
    this.handed = serial
    return true
  }

  /**
   * Say that the answer to a message came, or why it did not.
   *
   * @param {{ serial: number, failure: string | null }} answer
   */
  delivered(answer) {
    this.dispatchEvent(new CustomEvent("delivered", { detail: answer }))
  }

  /**
   * Let the server hear what a reader says of the film on the stage.
   *
   * @param {Omit<Message, "id" | "film">} message
   */
  say(message) {
    if (!this.shown) return
    this.dispatchEvent(new CustomEvent("say", { detail: { ...message, film: this.shown, id: ++this.serial } }))
  }

  /**
   * Take in what is kept of what a reader says.
   *
   * @param {Said} said
   */
  hear(said) {
    this.said = said
    this.dispatchEvent(new Event("said"))
  }

  /**
   * Whether a film other than this one is to be shown.
   *
   * @param {FilmId} film
   */
  inDoubt(film) {
    return this.coming !== null && filmKey(this.coming) !== filmKey(film)
  }
}

/** The page's stage: one for all components, each of which has this script for itself. */
export function theStage() {
  const page = /** @type {{ [STAGE]?: Stage }} */ (/** @type {unknown} */ (window))
  page[STAGE] ??= new Stage()
  return page[STAGE]
}
