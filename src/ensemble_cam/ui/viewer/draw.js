// Drawing: the film, and over it each panel's map, into the panels' canvases.

// @ts-check
/** @import { FilmFacts, Finding, Place, Stale } from "./types.js" */
/** @import { Panel, Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
import { write } from "./elements.js"
import { DISAGREEMENT } from "./findings.js"
import { layOver } from "./maps.js"

/**
 * What a picture is drawn with.
 *
 * @typedef {object} Canvas
 * @property {string} id what it shows, see `State.offered`
 * @property {CanvasRenderingContext2D} context
 * @property {Float32Array} values relative activation at each of its pixels
 * @property {ImageData} image
 * @property {Uint32Array} pixels of the image
 */

/**
 * Where a picture is drawn: the film's greys there, the part of it, its size, and its pixels for a CSS pixel.
 *
 * @typedef {{ greys: Uint8Array, place: Place, width: number, height: number, ratio: number }} Ground
 */

const CROP_COLOUR = "#56b4e9"
const BLACK = 0xff000000

/**
 * Draw the panels anew; false where they are not on the screen, and will be drawn when their size changes.
 *
 * @param {State} state
 * @param {Panels} panels
 * @param {Set<Stale>} stale what has changed since they were drawn last
 */
export function drawPanels(state, panels, stale) {
  if (stale.size === 1 && stale.has("strip")) return true
  const { film, header } = state.review
  const resized = stale.has("size") || !panels.width
  if (resized && !panels.measure(header.film)) return false
  const moved = resized || stale.has("view")
  const place = state.view.placeIn(panels.width, panels.height)
  if (moved || stale.has("film")) film.draw(panels.greys, place)
  const { finding } = state
  const { greys, width, height, ratio } = panels
  for (const panel of panels.all) {
    paint(state, panel, { greys, place, width, height, ratio }, finding, moved || stale.has("maps"))
    drawScale(panel, header.film, place.scale / ratio)
  }
  panels.place = place
  return true
}

/**
 * Draw the film, and over it one map of a finding.
 *
 * @param {State} state
 * @param {Canvas} canvas
 * @param {Ground} ground
 * @param {Finding | null} finding
 * @param {boolean} moved whether its map is to be read anew
 */
export function paint(state, canvas, { greys, place, width, height, ratio }, finding, moved) {
  const { settings } = state
  const { header } = state.review
  const parts = finding ? state.parts(canvas.id, finding) : []
  const empty = parts.every((part) => part.empty)
  if (moved) state.reads(canvas.id)(canvas.values, place, header.geometry, parts)
  const spread = canvas.id === DISAGREEMENT // it has a scale of its own and no regions
  const off = settings.hidden || state.held || empty
  const part = filmIn(place, header.film, width, height)
  if (moved) canvas.pixels.fill(BLACK) // what lies beside the film stays so
  layOver(canvas.pixels, greys, canvas.values, width, part, {
    colours: state.coloursOf(canvas.id),
    threshold: settings.threshold,
    opacity: settings.opacity,
    heat: !off && (settings.style !== "contour" || spread),
    line: !off && settings.style !== "heatmap" && !spread,
    dimmed: true,
    thickness: lineThickness(header.film, place.scale, ratio),
  })
  if (moved) canvas.context.putImageData(canvas.image, 0, 0)
  else canvas.context.putImageData(canvas.image, 0, 0, part.x0, part.y0, part.x1 - part.x0, part.y1 - part.y0)
  if (!header.whole) outlineCrop(canvas.context, state, place, ratio)
}

/**
 * The part of a picture that the film lies in.
 *
 * @param {Place} place
 * @param {FilmFacts} film
 * @param {number} width
 * @param {number} height
 * @returns {import("./maps.js").Box}
 */
function filmIn({ left, top, scale }, film, width, height) {
  return {
    x0: Math.min(Math.max(Math.floor(-left), 0), width),
    y0: Math.min(Math.max(Math.floor(-top), 0), height),
    x1: Math.min(Math.max(Math.ceil(film.width * scale - left), 0), width),
    y1: Math.min(Math.max(Math.ceil(film.height * scale - top), 0), height),
  }
}

/**
 * A contour's thickness: at 1:1 as `rendering.overlay.contour_thickness` has it, no more beyond, and never too thin
 * to see.
 *
 * @param {FilmFacts} film
 * @param {number} scale
 * @param {number} ratio
 */
export function lineThickness({ width, height }, scale, ratio) {
  const exported = Math.max(1, Math.round(Math.max(width, height) / 600))
  return Math.max(Math.round(ratio), Math.round(exported * Math.min(scale, 1)))
}

/**
 * Outline what the networks see.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {State} state
 * @param {Place} place
 * @param {number} ratio
 */
function outlineCrop(context, state, { left, top, scale }, ratio) {
  const { x, y } = state.review.header.geometry
  context.strokeStyle = CROP_COLOUR
  context.lineWidth = Math.max(1, Math.round(ratio))
  const half = context.lineWidth / 2
  const [x0, y0] = [Math.round(x.from * scale - left) + half, Math.round(y.from * scale - top) + half]
  const [x1, y1] = [Math.round(x.to * scale - left) - half, Math.round(y.to * scale - top) - half]
  context.strokeRect(x0, y0, x1 - x0, y1 - y0)
}

/**
 * A bar of a round length, about a quarter of the panel.
 *
 * @param {Panel} panel
 * @param {FilmFacts} film
 * @param {number} scale CSS pixels for a source pixel
 */
function drawScale({ scale: bar, length: written, screen }, { spacing }, scale) {
  bar.hidden = !spacing
  if (!spacing) return
  const perMillimetre = scale / spacing.column
  const room = screen.clientWidth / 4 / perMillimetre
  const decade = 10 ** Math.floor(Math.log10(room))
  const length = ([5, 2, 1].find((step) => step * decade <= room) ?? 1) * decade
  bar.style.width = `${length * perMillimetre}px`
  write(written, `${Number(length.toPrecision(1))} mm${spacing.detector ? " at the detector" : ""}`)
}
