// Fingers on a panel: two zoom or window, one that rests shows the film alone.

// @ts-check

const A_TURN = 14 // CSS pixels after which two fingers either zoom or window
const A_REST = 500 // ms
const A_SLIP = 8 // CSS pixels by which a finger that rests may move

/** @typedef {[number, number]} Point in CSS pixels of the page */

/**
 * What two fingers do, told as they move.
 *
 * @typedef {object} Doing
 * @property {() => void} began two came down
 * @property {(by: number, at: Point, across: number, down: number) => void} zoom by a factor at a point, and move
 * @property {(across: number, down: number) => void} window since they came down
 * @property {() => void} released a window that was set
 * @property {(on: boolean) => void} hold the maps off
 */

export class Fingers {
  /** @param {Doing} doing */
  constructor(doing) {
    this.doing = doing
    /** @type {Map<number, Point>} */
    this.at = new Map()
    /** @type {{ middle: Point, apart: number, last: Point, lastApart: number, does: "zoom" | "window" | null } | null} */
    this.two = null
    /** @type {{ timer: number, from: Point } | null} */
    this.resting = null
    this.held = false
    this.frame = 0 // in which what two fingers did is looked at
  }

  /** Whether two are down, or one holds the maps off: neither moves the film. */
  get busy() {
    return this.two !== null || this.held
  }

  /**
   * @param {number} id
   * @param {Point} at
   */
  down(id, at) {
    this.at.set(id, at)
    this.unrest()
    if (this.at.size === 2) {
      const [middle, apart] = this.between()
      this.two = { middle, apart, last: middle, lastApart: apart, does: null }
      this.doing.began()
    } else if (this.at.size === 1) {
      const hold = () => {
        this.held = true
        this.doing.hold(true)
      }
      this.resting = { timer: setTimeout(hold, A_REST), from: at }
    }
  }

  /**
   * @param {number} id
   * @param {Point} at
   */
  move(id, at) {
    if (!this.at.has(id)) return
    this.at.set(id, at)
    const { two, resting } = this
    if (resting && Math.hypot(at[0] - resting.from[0], at[1] - resting.from[1]) > A_SLIP) this.unrest()
    // Each finger's move comes for itself: looked at one by one, two along seem to come nearer and part again.
    if (two && !this.frame) this.frame = requestAnimationFrame(() => this.look())
  }

  /** Do what two fingers have done since they were looked at last. */
  look() {
    cancelAnimationFrame(this.frame)
    this.frame = 0
    const { two } = this
    if (!two || this.at.size !== 2) return
    const [middle, apart] = this.between()
    const [across, down] = [middle[0] - two.middle[0], middle[1] - two.middle[1]]
    if (!two.does) {
      if (Math.abs(apart - two.apart) > A_TURN) two.does = "zoom"
      else if (Math.hypot(across, down) > A_TURN) two.does = "window"
      else return
    }
    if (two.does === "window") this.doing.window(across, down)
    else this.doing.zoom(apart / two.lastApart, middle, middle[0] - two.last[0], middle[1] - two.last[1])
    Object.assign(two, { last: middle, lastApart: apart })
  }

  /** @param {number} id */
  up(id) {
    this.look()
    this.at.delete(id)
    this.unrest()
    if (this.held) {
      this.held = false
      this.doing.hold(false)
    }
    if (this.at.size === 1) return // the other one moves nothing before it is lifted, too
    if (this.two?.does === "window") this.doing.released()
    this.two = null
  }

  unrest() {
    if (this.resting) clearTimeout(this.resting.timer)
    this.resting = null
  }

  /** @returns {[Point, number]} the point between two fingers, and how far they are apart */
  between() {
    const [[x0, y0], [x1, y1]] = this.at.values()
    return [[(x0 + x1) / 2, (y0 + y1) / 2], Math.max(Math.hypot(x1 - x0, y1 - y0), 1)]
  }
}
