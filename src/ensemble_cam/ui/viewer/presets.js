// Windows by name: percentiles of the film's own values. No window of a tissue's has a meaning in a radiograph's.

// @ts-check
/** @import { GreyWindow } from "./types.js" */
/** @import { Film } from "./film.js" */

const LOOKED_AT = 2 ** 20 // pixels, spread over the film

/** Name → the percentiles, of all values that are part of the film, between which the greys lie. */
export const PRESETS = /** @type {Record<string, [number, number]>} */ ({
  "All of its values": [0, 100],
  "1 – 99 %": [1, 99],
  "5 – 95 %": [5, 95],
  "Lower half, 1 – 50 %": [1, 50],
  "Upper half, 50 – 99 %": [50, 99],
})

/**
 * The window of each preset.
 *
 * @param {Film} film
 * @returns {Record<string, GreyWindow>}
 */
export function windowsOf(film) {
  const { lowest, padding, wide } = film.facts
  const { pixels } = film.levels[0]
  const counts = new Uint32Array(wide ? 65536 : 256)
  const step = Math.max(1, Math.floor(pixels.length / LOOKED_AT))
  for (let i = 0; i < pixels.length; i += step) counts[pixels[i]]++
  if (padding) counts.fill(0, Math.max(padding[0] - lowest, 0), Math.max(padding[1] - lowest + 1, 0))
  const total = counts.reduce((sum, count) => sum + count, 0)
  const windows = Object.entries(PRESETS).map(([name, [low, high]]) => {
    const [first, last] = [low, high].map((each) => percentile(counts, total, each / 100) + lowest)
    return [name, { center: (first + last) / 2, width: Math.max(1, last - first) }]
  })
  return Object.fromEntries(windows)
}

/**
 * The smallest index that a share of all do not exceed.
 *
 * @param {Uint32Array} counts
 * @param {number} total
 * @param {number} share
 */
function percentile(counts, total, share) {
  const wanted = Math.max(share * total, 1)
  let below = 0
  for (let index = 0; index < counts.length; index++) {
    below += counts[index]
    if (below >= wanted) return index
  }
  return 0
}
