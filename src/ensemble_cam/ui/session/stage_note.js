// Says which film is shown where the server draws it, without the live viewer.

// @ts-check
/** @import { Appearance, FilmId } from "../viewer/types.js" */
import { theStage } from "../viewer/stage.js"

/** @type {WeakMap<object, object>} */
const OWNERS = new WeakMap()

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<{ film: FilmId }>} appearance
 */
export default function ({ data, parentElement }) {
  const owner = OWNERS.get(parentElement) ?? {}
  OWNERS.set(parentElement, owner)
  theStage().show(data.film, owner)
  return () => {
    OWNERS.delete(parentElement)
    theStage().leave(owner)
  }
}
