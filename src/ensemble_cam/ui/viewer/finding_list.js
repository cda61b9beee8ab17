// The list of findings: a button each, with its scores.

// @ts-check
/** @import { Classifier, Finding, Score } from "./types.js" */
import { element } from "./elements.js"
import { callOf } from "./findings.js"

const SVG = "http://www.w3.org/2000/svg"

/** @typedef {{ finding: Finding, row: HTMLElement, score: HTMLElement, badge: HTMLElement, agree: HTMLElement }} Row */

/** Made once for each review, its words renewed at any time. */
export class FindingList {
  /**
   * @param {HTMLElement} list
   * @param {(label: string) => void} choose
   */
  constructor(list, choose) {
    this.list = list
    this.choose = choose
    /** @type {Row[]} */
    this.rows = []
  }

  /**
   * Show findings in their order.
   *
   * @param {Finding[]} findings
   * @param {Classifier[]} classifiers
   */
  show(findings, classifiers) {
    this.list.replaceChildren()
    this.rows = findings.map((finding, place) => {
      const row = element("button", "finding")
      row.type = "button"
      row.append(element("span", "key", place < 9 ? String(place + 1) : ""))
      row.append(element("span", "label", finding.name))
      const score = element("span", "score")
      const badge = element("span", "badge")
      const agree = element("span", "agree")
      agree.title = "Mean overlap (IoU) of the maps' regions at or above the threshold"
      row.append(score, badge, scoreStrip(finding, classifiers), agree)
      const each = classifiers
        .filter((one) => Object.hasOwn(finding.scores, one.id))
        .map((one) => `${one.name} ${finding.scores[one.id].toFixed(2)}${one.meaningless ? " (meaningless)" : ""}`)
      row.title = `${finding.name}: ${each.join(", ")}`
      row.addEventListener("click", () => this.choose(finding.label))
      const item = element("li")
      item.append(row)
      this.list.append(item)
      return { finding, row, score, badge, agree }
    })
  }

  /**
   * Renew the words.
   *
   * @param {string | null} chosen
   * @param {(finding: Finding) => Score | null} mean
   * @param {(finding: Finding) => { iou: number | null }} agreement
   */
  renew(chosen, mean, agreement) {
    for (const { finding, row, score, badge, agree } of this.rows) {
      const found = mean(finding)
      const word = found ? callOf(found) : "no weight"
      score.textContent = found ? found.value.toFixed(2) : "–"
      badge.textContent = word
      badge.className = `badge ${word.replace(" ", "-")}`
      row.classList.toggle("meaningless", word === "meaningless")
      const { iou } = agreement(finding)
      agree.textContent = iou === null ? "" : `agree ${iou.toFixed(2)}`
      row.setAttribute("aria-current", String(finding.label === chosen))
    }
  }

  /**
   * Bring the chosen row into sight inside the list, without moving the page.
   *
   * @param {string | null} chosen
   */
  reveal(chosen) {
    const found = this.rows.find(({ finding }) => finding.label === chosen)
    if (!found) return
    const { list } = this
    const top = found.row.offsetTop - list.offsetTop
    const bottom = top + found.row.offsetHeight
    if (top < list.scrollTop) list.scrollTop = top
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight
  }
}

/**
 * A line from 0 to 1 with a tick at the operating point and a mark for each classifier's score, a grey cross where it
 * means nothing.
 *
 * @param {Finding} finding
 * @param {Classifier[]} classifiers
 */
function scoreStrip(finding, classifiers) {
  const box = { viewBox: "0 0 100 10", preserveAspectRatio: "none" }
  const svg = drawn("svg", { class: "strip", ...box, "aria-hidden": "true" })
  svg.append(drawn("line", { x1: 0, y1: 5, x2: 100, y2: 5, class: "axis" }))
  svg.append(drawn("line", { x1: 50, y1: 0, x2: 50, y2: 10, class: "point" }))
  for (const { id, calibrated, meaningless, colour } of classifiers) {
    if (!Object.hasOwn(finding.scores, id)) continue
    const at = 1.5 + 97 * finding.scores[id]
    const diamond = `M${at} 0.6 L${at + 2} 5 L${at} 9.4 L${at - 2} 5 Z`
    const cross = `M${at - 1.5} 1.5 L${at + 1.5} 8.5 M${at - 1.5} 8.5 L${at + 1.5} 1.5`
    if (meaningless) svg.append(drawn("path", { d: cross, class: "meaningless" }))
    else if (calibrated) svg.append(drawn("ellipse", { cx: at, cy: 5, rx: 1.7, ry: 3.6, fill: colour }))
    else svg.append(drawn("path", { d: diamond, fill: colour }))
  }
  return svg
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} facts
 */
function drawn(tag, facts) {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(facts)) made.setAttribute(name, String(value))
  return made
}
