// The film: its pixels as they came from the server, smaller levels of them, and greys for the screen.
//
// A pixel is the index of a stored value: value = index + film.lowest. `greys` maps an index to a grey, 0 to 255.

// @ts-check
/** @import { Bytes, FilmFacts, Place } from "./types.js" */

/** @typedef {Uint8Array | Uint16Array} Pixels */
/** @typedef {{ pixels: Pixels, width: number, height: number }} Picture */

/**
 * A picture of the film: pixels for one of the film's along each axis, and its greys by a table.
 *
 * @typedef {Picture & { perX: number, perY: number, shown: Uint8Array | null, by: Uint8Array | null }} Level
 */

/**
 * Inflate zlib data.
 *
 * @param {Bytes} bytes
 */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/**
 * Undo what `payload.packed` did: each row was the difference to the pixel at its left, low bytes before high ones.
 *
 * @param {Bytes} bytes
 * @param {number} width
 * @param {number} height
 * @param {boolean} wide whether a pixel has two bytes
 * @returns {Promise<Pixels>}
 */
export async function unpack(bytes, width, height, wide) {
  const planes = await inflate(bytes)
  const count = width * height
  if (planes.length !== count * (wide ? 2 : 1)) throw new Error("The film came incomplete.")
  const pixels = wide ? new Uint16Array(count) : new Uint8Array(count)
  const mask = wide ? 0xffff : 0xff
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, left = 0; x < width; x++, i++) {
      left = (left + (wide ? planes[i] | (planes[count + i] << 8) : planes[i])) & mask
      pixels[i] = left
    }
  }
  return pixels
}

/**
 * Halve a level by the mean of four pixels; a last odd row or column is left out.
 *
 * @param {Picture} level
 * @param {((value: number) => number) | null} clean makes darkness of padding: its value means nothing that could be
 *   averaged
 * @returns {Picture}
 */
function halved({ pixels, width, height }, clean) {
  const w = width >> 1
  const h = height >> 1
  const half = pixels instanceof Uint16Array ? new Uint16Array(w * h) : new Uint8Array(w * h)
  for (let y = 0, i = 0; y < h; y++) {
    let above = 2 * y * width
    for (let x = 0; x < w; x++, i++, above += 2) {
      let [a, b] = [pixels[above], pixels[above + 1]]
      let [c, d] = [pixels[above + width], pixels[above + width + 1]]
      if (clean) [a, b, c, d] = [clean(a), clean(b), clean(c), clean(d)]
      half[i] = (a + b + c + d + 2) >> 2
    }
  }
  // What stands for the part of the film that is covered: an odd rim is not.
  return { pixels: half, width: w, height: h }
}

export class Film {
  /**
   * @param {FilmFacts} facts the header's `film`
   * @param {Pixels} pixels of its level, `width` × `height`
   * @param {number} width
   * @param {number} height
   */
  constructor(facts, pixels, width, height) {
    this.facts = facts
    /** @type {Level[]} the largest first */
    this.levels = this.levelsFrom(pixels, width, height)
    this.greys = new Uint8Array(0) // index → grey
  }

  /**
   * Take in a larger level.
   *
   * @param {Pixels} pixels
   * @param {number} width
   * @param {number} height
   */
  add(pixels, width, height) {
    this.levels = this.levelsFrom(pixels, width, height)
  }

  /**
   * A level, and the smaller ones that are made of it.
   *
   * @param {Pixels} pixels
   * @param {number} width
   * @param {number} height
   */
  levelsFrom(pixels, width, height) {
    const { width: across, height: down } = this.facts
    /** @type {Level[]} */
    const levels = [{ pixels, width, height, perX: width / across, perY: height / down, shown: null, by: null }]
    for (let [last] = levels; Math.min(last.width, last.height) >= 256; last = levels[levels.length - 1]) {
      const half = halved(last, levels.length === 1 ? this.cleaning() : null)
      levels.push({ ...half, perX: last.perX / 2, perY: last.perY / 2, shown: null, by: null })
    }
    return levels
  }

  /** What makes darkness of padding, as `payload` does for the level that it sends; null where there is none. */
  cleaning() {
    const { padding, range, lowest, falling } = this.facts
    if (!padding) return null
    const [first, last] = [padding[0] - lowest, padding[1] - lowest]
    const dark = range[falling ? 1 : 0] - lowest
    return (/** @type {number} */ value) => (value >= first && value <= last ? dark : value)
  }

  /** Whether the largest level has every pixel of the film. */
  get whole() {
    return this.levels[0].width === this.facts.width && this.levels[0].height === this.facts.height
  }

  /**
   * The smallest level with at least one pixel for each of the screen's at `scale` screen pixels a source pixel.
   *
   * @param {number} scale
   */
  level(scale) {
    let found = this.levels[0]
    for (const level of this.levels) if (Math.min(level.perX, level.perY) >= scale * 0.999) found = level
    return found
  }

  /**
   * A level's greys by the table of this moment, made once for each table.
   *
   * @param {Level} level
   */
  shown(level) {
    if (level.shown && level.by === this.greys) return level.shown
    const { pixels } = level
    const { greys } = this
    const shown = level.shown ?? new Uint8Array(pixels.length)
    for (let i = 0; i < pixels.length; i++) shown[i] = greys[pixels[i]]
    level.shown = shown
    level.by = greys
    return shown
  }

  /**
   * The stored value at a source pixel, or null where only a smaller level is here.
   *
   * @param {number} x
   * @param {number} y
   */
  value(x, y) {
    const { pixels, width } = this.levels[0]
    return this.whole ? pixels[y * width + x] + this.facts.lowest : null
  }

  /**
   * Draw greys into `out`, `place.width` × `place.height`; the screen beside the film stays black.
   *
   * @param {Uint8Array} out
   * @param {Place} place
   */
  draw(out, place) {
    const level = this.level(place.scale)
    const shown = this.shown(level)
    const { width } = level
    const [columns, rows] = [
      between(place.left, place.width, place.scale, level.perX, level.width, this.facts.width),
      between(place.top, place.height, place.scale, level.perY, level.height, this.facts.height),
    ]
    for (let y = 0, i = 0; y < place.height; y++) {
      if (rows.off[y]) {
        out.fill(0, i, (i += place.width))
        continue
      }
      const low = rows.low[y] * width
      const high = rows.high[y] * width
      const down = rows.part[y]
      for (let x = 0; x < place.width; x++, i++) {
        if (columns.off[x]) {
          out[i] = 0
          continue
        }
        const l = columns.low[x]
        const r = columns.high[x]
        const across = columns.part[x]
        const above = shown[low + l] + (shown[low + r] - shown[low + l]) * across
        const below = shown[high + l] + (shown[high + r] - shown[high + l]) * across
        out[i] = above + (below - above) * down + 0.5
      }
    }
  }
}

/**
 * Where the screen's pixels lie along an axis of a level, for linear interpolation between the centres of its pixels.
 *
 * The screen's pixel i has its centre at (first + i + .5) / scale in the film's edge coordinates, which end at
 * `extent`.
 *
 * @param {number} first
 * @param {number} count
 * @param {number} scale
 * @param {number} per
 * @param {number} size
 * @param {number} extent
 */
function between(first, count, scale, per, size, extent) {
  const low = new Int32Array(count)
  const high = new Int32Array(count)
  const part = new Float32Array(count)
  const off = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const edge = (first + i + 0.5) / scale
    off[i] = edge < 0 || edge >= extent ? 1 : 0
    const at = Math.min(Math.max(edge * per - 0.5, 0), size - 1)
    low[i] = Math.floor(at)
    high[i] = Math.min(low[i] + 1, size - 1)
    part[i] = at - low[i]
  }
  return { low, high, part, off }
}
