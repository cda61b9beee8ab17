// Maps: read at the screen's pixels exactly as the exports read them, and laid over the film.
//
// `maps/heatmap.py` and `rendering/overlay.py` are the twins: bilinear between the cells' centres, clamped at the rim,
// nothing outside of the crop; relative activation from the threshold on is coloured.

// @ts-check
/** @import { Axis, Geometry, Grid, Place } from "./types.js" */

/** @typedef {Pick<Grid, "values" | "cells" | "weight">} Part */

const OUTSIDE = -1 // on the film, but not in the crop: the networks did not see it
const OFF = -2 // beside the film
export const ROUNDING = 1e-6 // as `maps.heatmap.at_or_above` allows for

/**
 * Where the screen's pixels along an axis lie on a grid of `cells`, and on the crop.
 *
 * @param {number} first
 * @param {number} count
 * @param {number} scale
 * @param {Axis} axis
 * @param {number} cells
 */
function axisOnGrid(first, count, scale, axis, cells) {
  const low = new Int32Array(count)
  const part = new Float32Array(count)
  const inside = new Int8Array(count)
  for (let i = 0; i < count; i++) {
    const edge = (first + i + 0.5) / scale
    inside[i] = edge < 0 || edge >= axis.size ? OFF : edge < axis.from || edge >= axis.to ? OUTSIDE : 1
    const at = Math.min(Math.max(((edge - axis.start) * cells) / axis.side - 0.5, 0), cells - 1)
    low[i] = Math.min(Math.floor(at), Math.max(cells - 2, 0))
    part[i] = at - low[i]
  }
  return { low, part, inside }
}

/**
 * The two axes of a place on the screen, for grids of `cells`.
 *
 * @param {Place} place
 * @param {Geometry} geometry
 * @param {number} cells
 */
function onGrid(place, geometry, cells) {
  return {
    x: axisOnGrid(place.left, place.width, place.scale, geometry.x, cells),
    y: axisOnGrid(place.top, place.height, place.scale, geometry.y, cells),
  }
}

/**
 * Read a weighted sum of grids at a place: relative activation, or OUTSIDE, or OFF.
 *
 * @param {Float32Array} out
 * @param {Place} place
 * @param {Geometry} geometry
 * @param {Part[]} parts without any, the place holds OUTSIDE and OFF and 0
 */
export function readMaps(out, place, geometry, parts) {
  const axes = onGrid(place, geometry, parts.length ? parts[0].cells : 1)
  for (let y = 0, i = 0; y < place.height; y++) {
    const row = axes.y.inside[y]
    for (let x = 0; x < place.width; x++, i++) {
      const column = axes.x.inside[x]
      out[i] = row === OFF || column === OFF ? OFF : row === OUTSIDE || column === OUTSIDE ? OUTSIDE : 0
    }
  }
  for (const { values, cells, weight } of parts) {
    const { x, y } = onGrid(place, geometry, cells)
    const line = new Float32Array(cells)
    const next = cells > 1 ? 1 : 0
    for (let down = 0; down < place.height; down++) {
      if (y.inside[down] < 0) continue
      const above = y.low[down] * cells
      const below = above + next * cells
      for (let c = 0; c < cells; c++) {
        line[c] = weight * (values[above + c] + (values[below + c] - values[above + c]) * y.part[down])
      }
      for (let across = 0, i = down * place.width; across < place.width; across++, i++) {
        if (x.inside[across] < 0) continue
        const l = x.low[across]
        out[i] += line[l] + (line[l + next] - line[l]) * x.part[across]
      }
    }
  }
}

/**
 * Read the largest less the smallest of several grids at a place, whatever their weights; OUTSIDE and OFF as there.
 *
 * @param {Float32Array} out
 * @param {Place} place
 * @param {Geometry} geometry
 * @param {Part[]} parts without any, the place holds OUTSIDE and OFF and 0
 */
export function readSpread(out, place, geometry, parts) {
  const alone = parts.map((part) => ({ ...part, weight: 1 }))
  readMaps(out, place, geometry, alone.slice(0, 1))
  const [smallest, one] = [out.slice(), new Float32Array(out.length)]
  for (const part of alone.slice(1)) {
    readMaps(one, place, geometry, [part])
    for (let i = 0; i < out.length; i++) {
      if (one[i] > out[i]) out[i] = one[i]
      else if (one[i] < smallest[i]) smallest[i] = one[i]
    }
  }
  for (let i = 0; i < out.length; i++) if (out[i] >= 0) out[i] -= smallest[i]
}

/**
 * Read a weighted sum of grids at one point of the film, edge coordinates; null outside of the crop.
 *
 * @param {number} x
 * @param {number} y
 * @param {Geometry} geometry
 * @param {Part[]} parts
 * @param {typeof readMaps} [read] how they are read
 */
export function readPoint(x, y, geometry, parts, read = readMaps) {
  const value = new Float32Array(1)
  read(value, { left: x - 0.5, top: y - 0.5, scale: 1, width: 1, height: 1 }, geometry, parts)
  return value[0] < 0 ? null : value[0]
}

/**
 * Read a weighted sum of grids at count × count points spread evenly over the crop, as `Heatmap.samples` does.
 *
 * @param {Geometry} geometry
 * @param {Part[]} parts
 * @param {number} count
 */
export function readSamples(geometry, parts, count) {
  const [across, down] = [geometry.x.to - geometry.x.from, geometry.y.to - geometry.y.from]
  const sampled = new Float32Array(count * count)
  const side = { ...geometry.x, start: ((geometry.x.start - geometry.x.from) * count) / across }
  const fall = { ...geometry.y, start: ((geometry.y.start - geometry.y.from) * count) / down }
  const even = {
    x: { ...side, from: 0, to: count, size: count, side: (geometry.x.side * count) / across },
    y: { ...fall, from: 0, to: count, size: count, side: (geometry.y.side * count) / down },
  }
  readMaps(sampled, { left: 0, top: 0, scale: 1, width: count, height: count }, even, parts)
  return sampled
}

/**
 * How maps are drawn.
 *
 * @typedef {object} Look
 * @property {Uint8Array} colours 256 RGB
 * @property {number} threshold
 * @property {number} opacity
 * @property {boolean} heat whether colours are drawn
 * @property {boolean} line whether the threshold's contour is
 * @property {boolean} dimmed whether what lies outside of the crop is darkened
 * @property {number} thickness the contour's, in pixels
 */

/**
 * A part of a picture, half open: what lies beside it is left as it is.
 *
 * @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box
 */

/**
 * Lay relative activation over greys.
 *
 * @param {Uint32Array} out RGBA pixels
 * @param {Uint8Array} greys of the same size
 * @param {Float32Array} values of the same size, see `readMaps`
 * @param {number} width
 * @param {Box} part that the film lies in
 * @param {Look} look
 */
export function layOver(out, greys, values, width, part, look) {
  const { colours, opacity, heat, dimmed } = look
  const threshold = look.threshold - ROUNDING
  // Tables of whole numbers, in 65536ths: a frame has a million pixels and more.
  const [red, green, blue, base] = [0, 1, 2, 3].map(() => new Int32Array(256))
  const [plain, dark] = [new Uint32Array(256), new Uint32Array(256)]
  for (let level = 0; level < 256; level++) {
    red[level] = Math.round((colours[3 * level] * opacity + 0.5) * 65536)
    green[level] = Math.round((colours[3 * level + 1] * opacity + 0.5) * 65536)
    blue[level] = Math.round((colours[3 * level + 2] * opacity + 0.5) * 65536)
    base[level] = Math.round(level * (1 - opacity) * 65536)
    plain[level] = 0xff000000 | (level << 16) | (level << 8) | level
    dark[level] = dimmed ? plain[level >> 1] : plain[level]
  }
  const lowest = heat ? Math.max(threshold, 0) : Infinity
  for (let y = part.y0; y < part.y1; y++) {
    for (let i = y * width + part.x0; i < y * width + part.x1; i++) {
      const value = values[i]
      if (value >= lowest) {
        const level = value >= 1 ? 255 : (value * 255 + 0.5) | 0
        const grey = base[greys[i]]
        const upper = ((blue[level] + grey) & 0xff0000) | (((green[level] + grey) >> 8) & 0xff00)
        out[i] = 0xff000000 | upper | ((red[level] + grey) >> 16)
      } else out[i] = value === OUTSIDE ? dark[greys[i]] : plain[greys[i]]
    }
  }
  if (look.line) drawContour(out, values, width, part, threshold, look.thickness, !heat)
}

/**
 * Draw the threshold's contour, white, as `rendering.overlay` does: the pixels of what reaches it that have one
 * that does not within `thickness` to the left, right, above or below.
 *
 * @param {Uint32Array} out
 * @param {Float32Array} values
 * @param {number} width
 * @param {Box} part
 * @param {number} threshold
 * @param {number} thickness
 * @param {boolean} rimmed with a dark rim, as no colour beside it tells it from bright bone
 */
function drawContour(out, values, width, part, threshold, thickness, rimmed) {
  const lowest = Math.max(threshold, 0)
  const height = values.length / width
  /** @type {number[]} */
  const line = []
  for (let y = part.y0; y < part.y1; y++) {
    for (let x = part.x0, i = y * width + x; x < part.x1; x++, i++) {
      if (values[i] < lowest) continue
      for (let far = 1; far <= thickness; far++) {
        if (
          (x >= far && values[i - far] < lowest) ||
          (x < width - far && values[i + far] < lowest) ||
          (y >= far && values[i - far * width] < lowest) ||
          (y < height - far && values[i + far * width] < lowest)
        ) {
          line.push(i)
          break
        }
      }
    }
  }
  if (rimmed) {
    for (const i of line) {
      const [x, y] = [i % width, Math.floor(i / width)]
      for (let down = Math.max(y - thickness, 0); down <= Math.min(y + thickness, height - 1); down++) {
        const start = down * width
        out.fill(0xff000000, start + Math.max(x - thickness, 0), start + Math.min(x + thickness, width - 1) + 1)
      }
    }
  }
  for (const i of line) out[i] = 0xffffffff
}
