// Whether the film that is here is the one to be shown. In doubt the stage is black, and says so where that lasts.

// @ts-check
/** @import { Header } from "./types.js" */
import { theStage } from "./stage.js"

const BRIEFLY = 400 // ms for which the stage is black without a word

export class Doubt {
  /**
   * @param {HTMLElement} box the viewer's
   * @param {(text: string) => void} say
   */
  constructor(box, say) {
    this.box = box
    this.say = say
    this.another = false // whether another film is on its way
    this.said = false
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined
  }

  /**
   * Look anew.
   *
   * @param {Header} header of the film that is here
   */
  renew(header) {
    clearTimeout(this.waiting)
    const inDoubt = this.another || theStage().inDoubt({ number: header.number, sha256: header.film.sha256 })
    this.box.toggleAttribute("data-another", inDoubt)
    if (inDoubt) {
      this.waiting = setTimeout(() => this.say(`${theStage().coming?.name ?? "Another film"} is on its way.`), BRIEFLY)
      this.said = true
    } else if (this.said) {
      this.said = false
      this.say("")
    }
  }

  end() {
    clearTimeout(this.waiting)
  }
}
