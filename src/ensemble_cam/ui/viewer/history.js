// What can be taken back: each step as what undoes it, the latest first.

// @ts-check

const MOST = 100

export class History {
  constructor() {
    /** @type {(() => void)[]} */
    this.steps = []
    this.undoing = false
  }

  /**
   * Take note of a step, unless it is one back.
   *
   * @param {() => void} back undoes it
   */
  add(back) {
    if (this.undoing) return
    this.steps.push(back)
    if (this.steps.length > MOST) this.steps.shift()
  }

  /** Take the latest step back; whether there was one. */
  undo() {
    const back = this.steps.pop()
    if (!back) return false
    this.undoing = true
    try {
      back()
    } finally {
      this.undoing = false
    }
    return true
  }

  /** Begin anew, with another film. */
  forget() {
    this.steps = []
  }
}
