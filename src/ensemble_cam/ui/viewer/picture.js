// The panels as they stand on the screen, on one canvas, with what they are.

// @ts-check

const STRIP = 20 // screen pixels of a line of text

/**
 * Put panels on one canvas.
 *
 * @param {{ canvas: HTMLCanvasElement, lines: string[] }[]} panels
 * @param {number} columns of panels
 * @param {string[]} foot lines below
 * @param {number} ratio pixels of a canvas for a CSS pixel
 * @returns {{ canvas: HTMLCanvasElement, places: number[][] }} places: of each panel's picture, [x, y, width, height]
 */
export function composed(panels, columns, foot, ratio) {
  const line = Math.round(STRIP * ratio)
  const gap = Math.round(6 * ratio)
  const [width, height] = [panels[0].canvas.width, panels[0].canvas.height]
  const rows = Math.ceil(panels.length / columns)
  const canvas = document.createElement("canvas")
  canvas.width = Math.max(columns * (width + gap) - gap, Math.round(560 * ratio))
  const size = Math.round(13 * ratio)
  const context = canvas.getContext("2d", { alpha: false })
  if (!context) throw new Error("the browser draws no pictures")
  const face = `${size}px "DejaVu Sans", "Segoe UI", Arial, sans-serif`
  context.font = face
  const heads = panels.map(({ lines }) => lines.flatMap((text) => wrapped(context, text, width - gap)))
  const head = line * Math.max(...heads.map((lines) => lines.length)) + gap
  const footLines = foot.flatMap((text) => wrapped(context, text, canvas.width - 2 * gap))
  canvas.height = rows * (head + height + gap) + line * footLines.length + gap
  context.fillStyle = "#000"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.font = face // a new size resets it
  context.textBaseline = "top"
  const places = panels.map((panel, place) => {
    const x = (place % columns) * (width + gap)
    const y = Math.floor(place / columns) * (head + height + gap) + head
    context.fillStyle = "#fff"
    heads[place].forEach((text, down) => context.fillText(text, x + gap / 2, y - head + gap / 2 + down * line))
    context.drawImage(panel.canvas, x, y)
    return [x, y, width, height]
  })
  context.fillStyle = "#ccc"
  const bottom = rows * (head + height + gap)
  footLines.forEach((text, down) => context.fillText(text, gap, bottom + down * line))
  return { canvas, places }
}

/**
 * Break a text into lines of a width.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} width
 */
function wrapped(context, text, width) {
  /** @type {string[]} */
  const lines = []
  let line = ""
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word
    if (line && context.measureText(longer).width > width) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return lines.concat(line)
}
