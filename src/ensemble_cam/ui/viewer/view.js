// What part of the film the panels show: zoom and pan, the same for all of them.

const CLOSEST = 32 // screen pixels for a source pixel
const FARTHEST = 0.5 // of the scale at which the whole film fits; 1:1 is in reach of any film

class View {
  constructor(width, height) {
    this.film = { width, height }
    this.reset()
  }

  /** Show the whole film again. */
  reset() {
    this.scale = null // fits
    this.x = this.film.width / 2
    this.y = this.film.height / 2
  }

  get fits() {
    return this.scale === null
  }

  /** Screen pixels for a source pixel in a panel of that size. */
  scaleIn(width, height) {
    return this.scale ?? this.fitting(width, height)
  }

  fitting(width, height) {
    return Math.min(width / this.film.width, height / this.film.height)
  }

  /** The place of the film that a panel shows. Its corner is a whole screen pixel, so 1:1 shows pixels as they are. */
  placeIn(width, height) {
    const scale = this.scaleIn(width, height)
    return {
      left: Math.round(this.x * scale - width / 2),
      top: Math.round(this.y * scale - height / 2),
      scale,
      width,
      height,
    }
  }

  /** Zoom to a scale so that the film's point under the panel's (x, y), edge coordinates, stays there. */
  zoomTo(scale, x, y, width, height) {
    const [now, fitting] = [this.scaleIn(width, height), this.fitting(width, height)]
    const wanted = Math.min(Math.max(scale, Math.min(fitting * FARTHEST, 1)), CLOSEST)
    // Of the place before it is rounded to the screen's pixels: from step to step that would add up.
    this.x += (x - width / 2) * (1 / now - 1 / wanted)
    this.y += (y - height / 2) * (1 / now - 1 / wanted)
    this.scale = wanted
    this.keepInside()
  }

  /** Move the film by screen pixels. */
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
