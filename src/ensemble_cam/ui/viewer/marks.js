// What a reader measures on the film: lengths, angles, an ellipse's values, the heart's width over the thorax's.
//
// Points are edge coordinates of the film's source pixels, which are square. Millimetres are said only where the file
// declares them, and whether they hold at the detector.

// @ts-check
/** @import { FilmFacts } from "./types.js" */
/** @import { Film } from "./film.js" */

/** @typedef {"point" | "distance" | "angle" | "ellipse" | "ratio"} Tool */
/** @typedef {[number, number]} Point */
/** @typedef {{ tool: Tool, points: Point[] }} Mark */

/** How many points each takes: the ratio the heart's two ends, then the thorax's. */
export const POINTS = /** @type {Record<Tool, number>} */ ({ point: 1, distance: 2, angle: 3, ellipse: 2, ratio: 4 })

/**
 * What a whole mark says.
 *
 * @param {Mark} mark
 * @param {Film} film
 */
export function measured({ tool, points }, film) {
  if (tool === "distance") return length(points, film.facts)
  if (tool === "angle") return `${angle(points).toFixed(1)}°`
  return tool === "ellipse" ? values(points, film) : ratio(points, film.facts)
}

/**
 * @param {Point[]} points
 * @param {FilmFacts} facts
 */
function length([[x0, y0], [x1, y1]], { spacing }) {
  if (!spacing) return `${Math.hypot(x1 - x0, y1 - y0).toFixed(1)} px`
  const millimetres = Math.hypot((x1 - x0) * spacing.column, (y1 - y0) * spacing.row)
  return `${millimetres.toFixed(1)} mm${spacing.detector ? " at the detector" : ""}`
}

/**
 * The angle at the second of three points, in degrees.
 *
 * @param {Point[]} points
 */
function angle([[ax, ay], [x, y], [bx, by]]) {
  const between = Math.abs(Math.atan2(ay - y, ax - x) - Math.atan2(by - y, bx - x)) * (180 / Math.PI)
  return between > 180 ? 360 - between : between
}

/**
 * Mean and standard deviation of the stored values whose pixels' centres lie in the ellipse in the box of two points.
 *
 * @param {Point[]} points
 * @param {Film} film
 */
function values([[x0, y0], [x1, y1]], film) {
  if (!film.whole) return "values: zoom in"
  const { width, height, padding } = film.facts
  const [centreX, centreY] = [(x0 + x1) / 2, (y0 + y1) / 2]
  const [a, b] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2]
  let [count, mean, squares] = [0, 0, 0]
  const last = [Math.min(Math.ceil(centreX + a), width), Math.min(Math.ceil(centreY + b), height)]
  for (let y = Math.max(Math.floor(centreY - b), 0); y < last[1]; y++) {
    for (let x = Math.max(Math.floor(centreX - a), 0); x < last[0]; x++) {
      if (((x + 0.5 - centreX) / a) ** 2 + ((y + 0.5 - centreY) / b) ** 2 > 1) continue
      const value = film.value(x, y)
      if (value === null || (padding && value >= padding[0] && value <= padding[1])) continue
      count++
      const off = value - mean
      mean += off / count
      squares += off * (value - mean)
    }
  }
  if (!count) return "no pixel of the film"
  return `mean ${mean.toFixed(1)} · SD ${Math.sqrt(squares / count).toFixed(1)} · ${count} px`
}

/**
 * The cardiothoracic ratio: of the widths, across the film, of two lines.
 *
 * @param {Point[]} points
 * @param {FilmFacts} facts
 */
function ratio([heart0, heart1, thorax0, thorax1], { view }) {
  const [heart, thorax] = [Math.abs(heart1[0] - heart0[0]), Math.abs(thorax1[0] - thorax0[0])]
  if (!thorax) return "heart : thorax: the second line has no width"
  const said = `heart : thorax ${(heart / thorax).toFixed(2)}`
  if (view === "PA") return said
  return `${said} · over-estimates (${view ?? "view unknown"})`
}
