// "This view" as a PNG: the panels as they stand on the screen, what they are, and where they come from.

// @ts-check
/** @import { Finding, Paragraph } from "./types.js" */
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
  const { left, top, scale, width, height } = place
  const seen = [left / scale, top / scale, (left + width) / scale, (top + height) / scale]
  const told = panels.all.map(({ id }) => words.panel(id, finding))
  const [title, struck] = [words.title(finding), words.struck(finding)]
  const warning = header.meaningless ? [warn(header.meaningless)] : []
  const drawing = `${words.drawing()} · ensemble weights ${words.weights()}`
  const threshold = `threshold ${state.settings.threshold.toFixed(2)} · ${header.foot.method}`
  const wordings = [
    {
      captions: told.map(({ caption, note, struck }) => withScore(note ? `${caption} · ${note}` : caption, struck)),
      foot: [
        ...warning,
        withScore(title, struck),
        ...[words.behind(finding), drawing, ...header.foot.whole].map((text) => [{ text }]),
      ],
    },
    {
      captions: told.map(() => []),
      foot: [
        ...warning,
        withScore(`${words.head(finding)} · ${threshold}`, struck),
        told.flatMap(({ caption, weights, struck }, at) => [
          ...withScore(`${at ? "·" : "Row by row:"} ${caption}`, struck),
          ...(weights ? [{ text: `(${weights})` }] : []),
        ]),
      ],
    },
  ]
  for (const { foot } of wordings) foot.push(warn(header.foot.purpose))
  const canvases = panels.all.map(({ canvas }) => canvas)
  const { canvas, places } = composed(canvases, panels.columns, wordings)
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
 * @param {string} text
 * @returns {Paragraph}
 */
function warn(text) {
  return [{ text, look: "warn" }]
}

/**
 * A text with the score in it grey and struck through.
 *
 * @param {string} text
 * @param {string | null} score null where it means something
 * @returns {Paragraph}
 */
function withScore(text, score) {
  const at = score === null ? -1 : text.indexOf(score)
  if (score === null || at < 0) return [{ text }]
  const end = text[at + score.length] === "," ? at + score.length + 1 : at + score.length
  const [before, number, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)]
  return [{ text: before }, { text: number, look: "faint", struck: true }, { text: after }]
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
