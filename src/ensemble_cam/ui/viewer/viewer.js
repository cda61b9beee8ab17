// The viewer: one for each place on the page, fed with a film and its maps, drawing without the server.
//
// The browser owns what is set and what is in view. Python is told on release, by one message, and the data that it
// sends never depends on that; so nothing is sent back.

// @ts-check
/** @import { Appearance, Review, Root, Sent } from "./types.js" */
import { Doubt } from "./doubt.js"
import { one } from "./elements.js"
import { Film, unpack } from "./film.js"
import { keepFitting } from "./fit.js"
import { Reading } from "./reading.js"
import { checked, gridsOf } from "./received.js"
import { theStage } from "./stage.js"

/** @type {WeakMap<object, Viewer>} */
const VIEWERS = new WeakMap()

class Viewer {
  /** @param {Root} root */
  constructor(root) {
    this.root = root
    this.box = one(root, ".viewer")
    this.ending = new AbortController()
    /** @type {Appearance<Sent>["setStateValue"]} */
    this.send = () => {}
    /** @type {string | null} the SHA-256 of what is on its way to the screen */
    this.taking = null
    /** @type {Review | null} what is here */
    this.review = null
    /** @type {Reading | null} */
    this.reading = null
    this.doubt = new Doubt(this.box, (text) => this.say(text))
    this.fit = keepFitting(this.box, this.ending.signal)
    theStage().addEventListener("change", () => this.look(), { signal: this.ending.signal })
  }

  /** Look anew whether the film that is here is the one to be shown. */
  look() {
    if (this.review) this.doubt.renew(this.review.header)
    this.reading?.renewCorners()
  }

  /**
   * Say something that went wrong, or nothing any more.
   *
   * @param {string} text
   */
  say(text) {
    one(this.box, ".message").textContent = text
  }

  /**
   * Leave the page to still pictures.
   *
   * @param {unknown} error
   */
  fail(error) {
    this.taking = null
    this.say("The live viewer cannot run in this browser. Still pictures stand in for it.")
    console.warn(error)
    this.send("failed", String(error instanceof Error ? error.message : error).slice(0, 200))
  }

  end() {
    this.taking = null // nor is what is still on its way put on the stage
    this.ending.abort()
    this.doubt.end()
    theStage().leave(this)
  }

  /**
   * Take in what the server sent. Data that is here already changes nothing.
   *
   * @param {Sent} sent
   */
  async take({ header, blobs: table }) {
    if (this.taking === header.sha256) return
    const here = this.review?.header ?? null
    if (here?.sha256 === header.sha256) {
      this.taking = null // what came in between is not wanted any more
      this.doubt.another = false
      theStage().show({ number: header.number, sha256: header.film.sha256 }, this) // and not of what came in between
      return
    }
    this.taking = header.sha256
    this.doubt.another = here !== null && here.number !== header.number
    this.look()
    const { maps_of, film: facts } = header
    if (maps_of !== null && maps_of !== facts.sha256) throw new Error("The maps are of another film.")
    const blobs = await checked(table)
    if (this.taking !== header.sha256) return // something newer came meanwhile
    const { review } = this
    let film = review?.header.film.sha256 === header.film.sha256 ? review.film : null
    const another = film === null
    if (!film || film.levels[0].width < header.film.sent[0]) {
      const [width, height] = header.film.sent
      let pixels
      try {
        pixels = await unpack(blobs.film, width, height, header.film.wide)
      } catch (error) {
        if (!film || this.doubt.another) throw error
        this.taking = null
        return this.say("The film's finest pixels could not be loaded; it is shown coarser than it is.")
      }
      if (this.taking !== header.sha256) return
      if (film) film.add(pixels, width, height)
      else film = new Film(header.film, pixels, width, height)
    }
    const [own, colours] = [blobs.greys.slice(), blobs.colours.slice()]
    this.show({ header, film, own, colours, grids: gridsOf(header, blobs.maps) }, another)
  }

  /**
   * Put what is here on the stage.
   *
   * @param {Review} review
   * @param {boolean} another whether it is of another film
   */
  show(review, another) {
    const { number, film } = review.header
    this.review = review
    this.taking = null
    this.say("")
    // From here to the end of this turn everything on the page becomes this film's; canvases are black until drawn.
    this.box.toggleAttribute("data-undrawn", another)
    this.doubt.another = false
    theStage().show({ number, sha256: film.sha256 }, this)
    this.fit()
    this.reading ??= this.begun(review)
    this.reading.show(review, another)
  }

  /** @param {Review} review the first that is here */
  begun(review) {
    const telling = {
      told: (/** @type {object} */ message) => this.send("committed", message),
      wanted: (/** @type {object} */ message) => this.send("wanted", message),
      pointed: (/** @type {[number, number]} */ point) => {
        const { sha256, planted } = { ...this.review?.header.film, planted: this.review?.header.planted }
        this.send("pointed", { film: sha256, target: planted?.target, point, serial: ++theStage().serial })
      },
      say: (/** @type {string} */ text) => this.say(text),
      fail: (/** @type {unknown} */ error) => this.fail(error),
    }
    return new Reading(this.box, this.root, review, telling, this.ending.signal)
  }
}

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<Sent | null>} appearance
 */
export default function ({ data, parentElement, setStateValue }) {
  let viewer = VIEWERS.get(parentElement)
  if (!viewer) VIEWERS.set(parentElement, (viewer = new Viewer(parentElement)))
  const here = viewer
  here.send = setStateValue
  if (data) {
    here.take(data).catch((error) => {
      if (here.taking === data.header.sha256) here.fail(error) // else something newer is on its way
    })
  }
  return () => {
    VIEWERS.delete(parentElement)
    here.end()
  }
}
