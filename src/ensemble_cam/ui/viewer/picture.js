// The panels as they stand on the screen, on one canvas, and what they are in words below them.
//
// Words stand below a picture, never beside or over it, and are read where it is shown at a third of its size, as
// `rendering.footer` has it for overlays.

// @ts-check
/** @import { Paragraph, Run } from "./types.js" */

const GAP = 6 // pixels between panels
const LEGIBLE = 9 // pixels of an em that are read without guessing
const SHOWN_AT = 3 // a third; a picture narrower than SMALL is shown as it is
const SMALL = 512
const OF_THE_WIDTH = 80 // ems; a very large picture is shown smaller still
const COLOURS = { ink: "#f2f2f2", faint: "#a2a2a2", warn: "#ffc36b" }

/** @typedef {{ captions: Paragraph[], foot: Paragraph[] }} Wording what stands below each panel, and below all */

/**
 * Put panels on one canvas.
 *
 * @param {HTMLCanvasElement[]} panels
 * @param {number} columns of panels
 * @param {Wording[]} wordings all that can be said, and what must not be missing: the first that fits is taken
 * @returns {{ canvas: HTMLCanvasElement, places: number[][] }} places: of each panel's picture, [x, y, width, height]
 */
export function composed(panels, columns, wordings) {
  const { width, height } = panels[0]
  const across = Math.min(columns, panels.length)
  const rows = Math.ceil(panels.length / columns)
  const whole = across * (width + GAP) - GAP
  const canvas = document.createElement("canvas")
  canvas.width = whole
  const context = canvas.getContext("2d", { alpha: false })
  if (!context) throw new Error("the browser draws no pictures")
  const layout = fitting(context, wordings, { width, whole, rows, columns, height })
  const { em, line, captions, heads, foot } = layout
  canvas.height = rows * height + layout.words
  context.fillStyle = "#000"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.font = face(em) // a new size resets it
  context.textBaseline = "top"
  let top = 0
  const places = panels.map((panel, at) => {
    const x = (at % columns) * (width + GAP)
    const row = Math.floor(at / columns)
    if (at && at % columns === 0) top += height + heads[row - 1]
    context.drawImage(panel, x, top)
    captions[at].forEach((runs, down) => write(context, runs, x + GAP / 2, top + height + GAP + down * line))
    return [x, top, width, height]
  })
  let y = rows * height + heads.reduce((sum, each) => sum + each, 0) + GAP
  for (const lines of foot) {
    for (const runs of lines) {
      write(context, runs, GAP / 2, y)
      y += line
    }
    y += Math.floor(em / 4)
  }
  return { canvas, places }
}

/**
 * The first wording, in the largest letters, that takes no more than half of the panels' height and 200 pixels.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Wording[]} wordings
 * @param {{ width: number, whole: number, rows: number, columns: number, height: number }} sizes
 */
function fitting(context, wordings, { width, whole, rows, columns, height }) {
  const most = Math.floor((rows * height) / 2) + 200
  const least = whole < SMALL ? LEGIBLE : LEGIBLE * SHOWN_AT
  const wished = whole < SMALL ? LEGIBLE + 3 : Math.max(least, Math.round(whole / OF_THE_WIDTH))
  const tries = wordings.map((wording) => ({ wording, em: least }))
  tries.unshift({ wording: wordings[0], em: wished })
  for (let em = least; em > LEGIBLE; em--) tries.push({ wording: wordings[wordings.length - 1], em: em - 1 })
  const laid = ({ wording, em } = tries[0]) => {
    context.font = face(em)
    const line = Math.round(1.25 * em)
    const captions = wording.captions.map((runs) => wrapped(context, runs, width - GAP))
    const heads = Array.from({ length: rows }, (_, row) => {
      const lines = captions.slice(row * columns, (row + 1) * columns).map((each) => each.length)
      return line * Math.max(...lines) + 2 * GAP
    })
    const foot = wording.foot.map((runs) => wrapped(context, runs, whole - GAP))
    const gaps = foot.length * Math.floor(em / 4)
    const words = heads.reduce((sum, each) => sum + each, 0) + line * foot.flat().length + gaps + 2 * GAP
    return { em, line, captions, heads, foot, words }
  }
  let layout = laid()
  for (const each of tries) {
    layout = laid(each)
    if (layout.words <= most) break
  }
  return layout
}

/** @param {number} em */
function face(em) {
  return `${em}px "DejaVu Sans", "Segoe UI", Arial, sans-serif`
}

/**
 * Write a line.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Run[]} runs
 * @param {number} x
 * @param {number} y
 */
function write(context, runs, x, y) {
  const em = Number.parseInt(context.font, 10)
  for (const { text, look = "ink", struck = false } of runs) {
    context.fillStyle = COLOURS[look]
    context.fillText(text, x, y)
    const { width } = context.measureText(text)
    if (struck) context.fillRect(x, y + Math.round(em / 2), width, Math.max(1, Math.round(em / 14)))
    x += width + context.measureText(" ").width
  }
}

/**
 * Break runs into lines of a width.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Run[]} runs
 * @param {number} width
 */
function wrapped(context, runs, width) {
  /** @type {Run[][]} */
  const lines = []
  let taken = 0
  const blank = context.measureText(" ").width
  for (const run of runs) {
    for (const text of run.text.split(" ").filter(Boolean)) {
      const long = context.measureText(text).width
      const line = lines[lines.length - 1]
      if (!line || taken + blank + long > width) {
        lines.push([{ ...run, text }])
        taken = long
        continue
      }
      const last = line[line.length - 1]
      if (last.look === run.look && last.struck === run.struck) last.text += ` ${text}`
      else line.push({ ...run, text })
      taken += blank + long
    }
  }
  return lines
}
