// A picture as a PNG, with its origin in text chunks.

// @ts-check
/** @import { Bytes } from "./types.js" */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n
})

/**
 * CRC-32 (PNG, third edition, annex D).
 *
 * @param {Uint8Array} bytes
 */
function crc32(bytes) {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/**
 * A PNG's bytes with texts put behind its header, as iTXt chunks (11.3.3.4), before any pixel.
 *
 * @param {Bytes} png
 * @param {Record<string, string>} texts by their keys
 */
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

/**
 * A canvas as a PNG with texts.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Record<string, string>} texts by their keys
 */
export async function pngOf(canvas, texts) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"))
  if (!blob) throw new Error("the browser could not make a picture of this size")
  return withTexts(new Uint8Array(await blob.arrayBuffer()), texts)
}
