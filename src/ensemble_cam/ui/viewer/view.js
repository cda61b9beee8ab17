// What part of the film the panels show: zoom and pan, the same for all of them.

// @ts-check
/** @import { Place } from "./types.js" */

const CLOSEST = 32 // screen pixels for a source pixel
const FARTHEST = 0.5 // of the scale at which the whole film fits; 1:1 is in reach of any film

export class View {
  /**
   * @param {number} width the film's
   * @param {number} height the film's
   */
  constructor(width, height) {
    this.film = { width, height }
    /** @type {number | null} screen pixels for a source pixel; null where the film fits */
    this.scale = null
    this.x = width / 2 // the film's point in the middle of a panel, edge coordinates
    this.y = height / 2
  }

  /** Show the whole film again. */
  reset() {
    this.scale = null
    this.x = this.film.width / 2
    this.y = this.film.height / 2
  }

  /**
   * Screen pixels for a source pixel in a panel of that size.
   *
   * @param {number} width
   * @param {number} height
   */
  scaleIn(width, height) {
    return this.scale ?? this.fitting(width, height)
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  fitting(width, height) {
    return Math.min(width / this.film.width, height / this.film.height)
  }

  /**
   * The place of the film that a panel shows. At 1:1 its corner is a whole pixel, so that pixels are shown as they are;
   * elsewhere not, as what rounding takes at each step of a zoom would add up.
   *
   * @param {number} width
   * @param {number} height
   * @returns {Place}
   */
  placeIn(width, height) {
    const scale = this.scaleIn(width, height)
    const [left, top] = [this.x * scale - width / 2, this.y * scale - height / 2]
    const corner = scale === 1 ? { left: Math.round(left), top: Math.round(top) } : { left, top }
    return { ...corner, scale, width, height }
  }

  /**
   * Zoom to a scale so that the film's point under the panel's (x, y), edge coordinates, stays there.
   *
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  zoomTo(scale, x, y, width, height) {
    const place = this.placeIn(width, height)
    const farthest = Math.min(this.fitting(width, height) * FARTHEST, 1)
    const wanted = Math.min(Math.max(scale, farthest), CLOSEST)
    const [filmX, filmY] = [(place.left + x) / place.scale, (place.top + y) / place.scale]
    this.scale = wanted
    this.x = filmX + (width / 2 - x) / wanted
    this.y = filmY + (height / 2 - y) / wanted
    this.keepInside()
  }

  /**
   * Move the film by screen pixels.
   *
   * @param {number} across
   * @param {number} down
   * @param {number} width
   * @param {number} height
   */
  pan(across, down, width, height) {
    const scale = this.scaleIn(width, height)
    this.scale = scale
    this.x -= across / scale
    this.y -= down / scale
    this.keepInside()
  }

  keepInside() {
    this.x = Math.min(Math.max(this.x, 0), this.film.width)
    this.y = Math.min(Math.max(this.y, 0), this.film.height)
  }
}
