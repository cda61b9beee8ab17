// Hands the reader a picture that Python made: once, however often Streamlit calls with it.

// @ts-check
/** @import { Appearance, Table } from "./types.js" */
import { theStage } from "./stage.js"

/** @typedef {{ serial: number, name: string, failure: string | null, blobs: Table | null }} Delivery */

/** @param {Appearance<Delivery>} appearance */
export default function ({ data }) {
  if (!theStage().takes(data.serial)) return
  if (data.blobs) {
    const bytes = data.blobs.getChild("bytes").get(0)
    const link = document.createElement("a")
    link.href = URL.createObjectURL(new Blob([bytes], { type: "image/png" }))
    link.download = data.name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
  }
  theStage().delivered({ serial: data.serial, failure: data.failure })
}
