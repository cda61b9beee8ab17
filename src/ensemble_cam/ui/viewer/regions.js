// How many regions a map has at or above a threshold, without a look at its pixels: it is asked while a hand moves.
//
// Between neighbouring lines through the cells' centres of all its grids a map is bilinear. So every region has a
// crossing of such lines in it, or of one with the crop's rim; between two neighbouring crossings it goes on where both
// are in it, and from one to that across a patch where the saddle between them is. `maps/regions.py` counts connected
// pixels, which is the same but for what is narrower than a pixel.

// @ts-check
/** @import { Axis, Geometry, Grid } from "./types.js" */

/** @typedef {{ values: Float32Array, width: number, height: number }} Crossings relative activation at each, by rows */

/**
 * Read a weighted sum of grids at the crossings of its lines.
 *
 * @param {Geometry} geometry
 * @param {Pick<Grid, "values" | "cells" | "weight">[]} parts
 * @returns {Crossings}
 */
export function readCrossings(geometry, parts) {
  const cells = [...new Set(parts.map((part) => part.cells))]
  const [xs, ys] = [linesAlong(geometry.x, cells), linesAlong(geometry.y, cells)]
  const values = new Float32Array(xs.length * ys.length)
  for (const part of parts) {
    const [across, down] = [placesOn(geometry.x, xs, part.cells), placesOn(geometry.y, ys, part.cells)]
    for (let y = 0, i = 0; y < ys.length; y++) {
      const [above, below] = [Math.floor(down[y]) * part.cells, Math.ceil(down[y]) * part.cells]
      for (let x = 0; x < xs.length; x++, i++) {
        const upper = readRow(part.values, above, across[x])
        values[i] += part.weight * (upper + (readRow(part.values, below, across[x]) - upper) * (down[y] % 1))
      }
    }
  }
  return { values, width: xs.length, height: ys.length }
}

/**
 * Read a row of a grid between its cells' centres.
 *
 * @param {Float32Array} values
 * @param {number} row where it begins
 * @param {number} at from 0, the first cell's centre, on
 */
function readRow(values, row, at) {
  const low = values[row + Math.floor(at)]
  return low + (values[row + Math.ceil(at)] - low) * (at % 1)
}

/**
 * Where the lines through the centres of cells lie, and the outermost pixels' centres, in edge coordinates.
 *
 * @param {Axis} axis
 * @param {number[]} cells along a side of each grid
 */
function linesAlong(axis, cells) {
  const [first, last] = [axis.from + 0.5, axis.to - 0.5]
  const centres = cells.flatMap((count) =>
    Array.from({ length: count }, (_, cell) => axis.start + ((cell + 0.5) * axis.side) / count),
  )
  const inside = centres.filter((centre) => centre > first && centre < last)
  return [...new Set([first, ...inside, last])].sort((one, other) => one - other)
}

/**
 * Where edge coordinates lie on a grid of cells, clamped at its rim.
 *
 * @param {Axis} axis
 * @param {number[]} edges
 * @param {number} cells
 */
function placesOn(axis, edges, cells) {
  return edges.map((edge) => Math.min(Math.max(((edge - axis.start) * cells) / axis.side - 0.5, 0), cells - 1))
}

/**
 * Count the regions of what is at or above a threshold.
 *
 * @param {Crossings} crossings
 * @param {number} threshold
 */
export function countRegions({ values, width, height }, threshold) {
  const parents = new Int32Array(values.length)
  let count = 0
  for (let i = 0; i < values.length; i++) {
    parents[i] = i
    if (values[i] >= threshold) count++
  }
  const found = (/** @type {number} */ i) => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]]
    return i
  }
  const join = (/** @type {number} */ one, /** @type {number} */ other) => {
    const [first, second] = [found(one), found(other)]
    if (first === second) return
    parents[second] = first
    count--
  }
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const here = values[i] >= threshold
      const [more, under] = [x + 1 < width, y + 1 < height]
      const right = more && values[i + 1] >= threshold
      const below = under && values[i + width] >= threshold
      if (here && right) join(i, i + 1)
      if (here && below) join(i, i + width)
      if (!more || !under) continue
      const across = values[i + width + 1] >= threshold
      if (here === across && right === below && here !== right && saddle(values, i, width) >= threshold) {
        if (here) join(i, i + width + 1)
        else join(i + 1, i + width)
      }
    }
  }
  return count
}

/**
 * A patch's value where it neither rises nor falls, whose corners are high at one diagonal and low at the other.
 *
 * @param {Float32Array} values
 * @param {number} i the upper left corner
 * @param {number} width
 */
function saddle(values, i, width) {
  const [a, b, c, d] = [values[i], values[i + 1], values[i + width], values[i + width + 1]]
  return (a * d - b * c) / (a + d - b - c)
}
