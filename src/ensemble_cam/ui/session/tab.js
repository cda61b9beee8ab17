// Tells the server which tab this is, so that a page that is loaded anew finds what the one before held.

// @ts-check
/** @import { Appearance } from "../viewer/types.js" */

const NAME = "ensemble-cam tab"

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<{ token: string, refused: string | null }>} appearance
 */
export default function ({ data, setStateValue }) {
  const { token, refused } = data
  try {
    const held = sessionStorage.getItem(NAME)
    if (held === null || held === refused) sessionStorage.setItem(NAME, token)
    else if (held !== token) setStateValue("token", held)
  } catch {
    // Storage is turned off: then a reload begins anew.
  }
}
