// What came from the server, held to what was sent, and made into films and grids.

// @ts-check
/** @import { Bytes, Grid, Header, Table } from "./types.js" */

/** @typedef {{ film: Bytes, greys: Bytes, maps: Bytes, colours: Bytes }} Blobs */

/**
 * The blobs of a table; each is held to its SHA-256 where the browser can (https and this machine).
 *
 * @param {Table} table
 * @returns {Promise<Blobs>}
 */
export async function checked(table) {
  const [names, hashes, bytes] = ["name", "sha256", "bytes"].map((column) => table.getChild(column))
  /** @type {Record<string, Bytes>} */
  const blobs = {}
  for (let row = 0; row < table.numRows; row++) {
    const blob = bytes.get(row)
    if (crypto.subtle && (await sha256(blob)) !== hashes.get(row)) throw new Error("What came is not what was sent.")
    blobs[names.get(row)] = blob
  }
  const { film, greys, maps, colours } = blobs
  if (!film || !greys || !maps || !colours) throw new Error("What came is incomplete.")
  return { film, greys, maps, colours }
}

/** @param {Bytes} blob */
async function sha256(blob) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", blob))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * The grids of all maps, which findings name by their places.
 *
 * @param {Header} header
 * @param {Bytes} bytes float32, one grid after the other
 * @returns {Grid[]}
 */
export function gridsOf(header, bytes) {
  const all = new Float32Array(bytes.slice().buffer)
  let start = 0
  return header.grids.map((cells) => {
    const values = all.subarray(start, (start += cells * cells))
    return { values, cells, weight: 1, empty: !values.some((value) => value > 0) }
  })
}
