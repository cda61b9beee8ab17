// Carries what a reader says of a film to the server, until it has heard it, and what is kept back to the viewer.

// @ts-check
/** @import { Appearance, Message, Said } from "../viewer/types.js" */
import { theStage } from "../viewer/stage.js"

const AGAIN = 3000 // ms until something that was not heard is sent again

/** @type {WeakMap<object, Carrier>} */
const CARRIERS = new WeakMap()

class Carrier {
  constructor() {
    /** @type {Message[]} what was not heard yet */
    this.outbox = []
    this.sent = 0 // how often
    /** @type {Appearance<Said>["setStateValue"]} */
    this.send = () => {}
    this.ending = new AbortController()
    const say = (/** @type {Event} */ event) => event instanceof CustomEvent && this.add(event.detail)
    theStage().addEventListener("say", say, { signal: this.ending.signal })
    this.timer = setInterval(() => this.outbox.length && this.deliver(), AGAIN)
  }

  /** @param {Message} message */
  add(message) {
    this.outbox.push(message)
    this.deliver()
  }

  /** Send all that was not heard; each time it is another value, so that the server looks at it. */
  deliver() {
    this.sent += 1
    this.send("outbox", [...this.outbox, { sent: this.sent }])
  }

  /** @param {Said} said */
  hear(said) {
    this.outbox = this.outbox.filter(({ id }) => id > said.heard)
    theStage().hear(said)
  }

  end() {
    this.ending.abort()
    clearInterval(this.timer)
  }
}

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<Said>} appearance
 */
export default function ({ data, parentElement, setStateValue }) {
  let carrier = CARRIERS.get(parentElement)
  if (!carrier) CARRIERS.set(parentElement, (carrier = new Carrier()))
  const here = carrier
  here.send = setStateValue
  here.hear(data)
  return () => {
    CARRIERS.delete(parentElement)
    here.end()
  }
}
