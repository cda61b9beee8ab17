// The time that is left for a film; when it is over the server is told, which has a clock of its own.

// @ts-check
/** @import { Appearance } from "../viewer/types.js" */
import { one } from "../viewer/elements.js"

/** @typedef {{ film: number, left: number }} Told */

/** @type {WeakMap<object, { film: number, end: number, timer: number, next: number, over: (film: number) => void }>} */
const HERE = new WeakMap()

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<Told>} appearance
 */
export default function ({ data, parentElement, setTriggerValue }) {
  const before = HERE.get(parentElement)
  const over = (/** @type {number} */ film) => setTriggerValue("over", film)
  if (before?.film === data.film) {
    before.over = over
  } else {
    if (before) clearInterval(before.timer)
    const here = { film: data.film, end: performance.now() + 1000 * data.left, timer: 0, next: 0, over }
    HERE.set(parentElement, here)
    const look = () => {
      const left = Math.max(0, Math.ceil((here.end - performance.now()) / 1000))
      const clock = one(parentElement, ".clock")
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`
      clock.toggleAttribute("data-low", left <= 10)
      if (left > 0 || performance.now() < here.next) return
      here.next = performance.now() + 2000 // what is sent while the page runs may be lost
      here.over(here.film)
    }
    here.timer = setInterval(look, 250)
    look()
  }
  return () => {
    const here = HERE.get(parentElement)
    if (here) clearInterval(here.timer)
    HERE.delete(parentElement)
  }
}
