// Says whether what is on the page is kept, and asks before a page is left that is not.

// @ts-check
/** @import { Appearance } from "../viewer/types.js" */
import { one } from "../viewer/elements.js"

/** @typedef {{ lasting: boolean, reader: string, failed: string, warns: boolean }} Told */

/** @type {WeakMap<object, { told: Told, ending: AbortController }>} */
const HERE = new WeakMap()

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<Told>} appearance
 */
export default function ({ data, parentElement }) {
  const here = HERE.get(parentElement) ?? { told: data, ending: new AbortController() }
  here.told = data
  if (!HERE.has(parentElement)) {
    HERE.set(parentElement, here)
    const ask = (/** @type {BeforeUnloadEvent} */ event) => {
      if (here.told.warns) event.preventDefault()
    }
    addEventListener("beforeunload", ask, { signal: here.ending.signal })
  }
  const dot = one(parentElement, ".kept")
  const { lasting, reader, failed } = data
  dot.textContent = failed ? `not kept: ${failed}` : lasting ? `kept · ${reader}` : "not kept"
  dot.toggleAttribute("data-kept", lasting && !failed)
  dot.toggleAttribute("data-failed", Boolean(failed))
  dot.title = lasting
    ? "Films, settings and what this reader says are in the session's folder."
    : "Films and what you say end with this tab. `ensemble-cam app --session DIR` keeps them."
  return () => {
    HERE.delete(parentElement)
    here.ending.abort()
  }
}
