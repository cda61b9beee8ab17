// "This view" as a PNG: the panels as they stand on the screen, with what they are, and the origin in text chunks.

const STRIP = 20 // screen pixels of a line of text

/**
 * Put panels on one canvas: `panels` [{canvas, lines}], in rows of `columns`; `foot`: lines below.
 *
 * Returns {canvas, places}; `places`: for each panel the box of its picture, [x, y, width, height].
 */
function composed(panels, columns, foot, ratio) {
  const line = Math.round(STRIP * ratio)
  const gap = Math.round(6 * ratio)
  const [width, height] = [panels[0].canvas.width, panels[0].canvas.height]
  const rows = Math.ceil(panels.length / columns)
  const canvas = document.createElement("canvas")
  canvas.width = Math.max(columns * (width + gap) - gap, Math.round(560 * ratio))
  const size = Math.round(13 * ratio)
  const context = canvas.getContext("2d", { alpha: false })
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

/** Break a text into lines of a width. */
function wrapped(context, text, width) {
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

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n
})

/** CRC-32 (PNG, third edition, annex D). */
function crc32(bytes) {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** A PNG's bytes with `texts` {key: text} put behind its header, as iTXt chunks (11.3.3.4), before any pixel. */
function withTexts(png, texts) {
  const chunks = Object.entries(texts).map(([key, text]) => {
    const body = new TextEncoder().encode(`iTXt${key}\0\0\0\0\0${text}`)
    const chunk = new Uint8Array(body.length + 8)
    const numbers = new DataView(chunk.buffer)
    numbers.setUint32(0, body.length - 4)
    chunk.set(body, 4)
    numbers.setUint32(4 + body.length, crc32(body))
    return chunk
  })
  const head = 8 + 25 // the signature and IHDR
  return new Blob([png.slice(0, head), ...chunks, png.slice(head)], { type: "image/png" })
}

/** A canvas as a PNG with texts. */
async function pngOf(canvas, texts) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"))
  if (!blob) throw new Error("the browser could not make a picture of this size")
  return withTexts(new Uint8Array(await blob.arrayBuffer()), texts)
}

/** Hand a file to the reader. */
function download(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
