// The film's greys: what a window, or the file's own table, makes of stored values.

// @ts-check
/** @import { FilmFacts, GreyWindow } from "./types.js" */

/**
 * The grey of each index: the file's own table, or a window over stored values; `film.greyscale.Greys` is its twin.
 *
 * grey = (value - (center - width / 2)) / width, clipped to 0..1; turned round where the file's own table falls.
 *
 * @param {FilmFacts} facts
 * @param {Uint8Array} own the file's own table
 * @param {{ window: GreyWindow | null, inverted: boolean }} settings
 */
export function greyTable(facts, own, { window, inverted }) {
  const table = new Uint8Array(own.length)
  for (let index = 0; index < own.length; index++) {
    if (!window) {
      table[index] = inverted ? 255 - own[index] : own[index]
      continue
    }
    const low = window.center - window.width / 2
    let share = Math.min(Math.max((index + facts.lowest - low) / window.width, 0), 1)
    if (facts.falling) share = 1 - share
    if (inverted) share = 1 - share
    table[index] = Math.floor(share * 255 + 0.5)
  }
  return table
}
