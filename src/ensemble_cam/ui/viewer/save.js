// "This view" as a PNG: the panels as they stand on the screen, what they are, and where they come from.

// @ts-check
/** @import { Finding } from "./types.js" */
/** @import { Panels } from "./panels.js" */
/** @import { State } from "./state.js" */
/** @import { Words } from "./words.js" */
import { composed } from "./picture.js"
import { pngOf } from "./png.js"

/**
 * Hand the reader what the panels show of a finding.
 *
 * @param {Finding} finding
 * @param {State} state
 * @param {Panels} panels
 * @param {Words} words
 */
export async function saveView(finding, state, panels, words) {
  const { header } = state.review
  const { place } = panels
  if (!place) return
  const name = `${header.file}_view.png` // of this film, whatever is on the screen when the picture is made
  const pictures = panels.all.map(({ id, canvas }) => {
    const { caption, note } = words.panel(id, finding)
    return { canvas, lines: [caption, note] }
  })
  const { left, top, scale, width, height } = place
  const seen = [left / scale, top / scale, (left + width) / scale, (top + height) / scale]
  const title = `${words.title(finding)} · ${words.behind(finding)}`
  const foot = [title, `${words.drawing()} · ensemble weights ${words.weights()}`, ...header.foot]
  const { canvas, places } = composed(pictures, panels.columns, foot, panels.ratio)
  const texts = {
    ...header.origin,
    "Ensemble weights": words.weights(),
    Findings: finding.label,
    Threshold: String(state.settings.threshold),
    Drawing: words.drawing(),
    Window: words.window(),
    View: `source pixels ${seen.map((edge) => edge.toFixed(1)).join(", ")}`,
    Panels: JSON.stringify(Object.fromEntries(panels.all.map(({ id }, at) => [id, places[at]]))),
  }
  download(await pngOf(canvas, texts), name)
}

/**
 * Hand a file to the reader.
 *
 * @param {Blob} blob
 * @param {string} name
 */
function download(blob, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
