// The list of findings: a button each, with its scores.

// @ts-check
/** @import { Classifier, Finding, Score } from "./types.js" */
import { element, write } from "./elements.js"
import { callOf } from "./findings.js"

const [HIGH, WIDE] = [13, 3.6] // of a strip, and of a mark in hundredths of it
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
      agree.title = "Split: some call it, others do not. Mean overlap (IoU) of the regions at or above the threshold"
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
   * @param {(finding: Finding) => boolean} isSplit whether some call it and others do not
   */
  renew(chosen, mean, agreement, isSplit) {
    for (const { finding, row, score, badge, agree } of this.rows) {
      const found = mean(finding)
      const call = found ? callOf(found) : "no weight"
      write(score, found ? found.value.toFixed(2) : "–")
      write(badge, call)
      badge.className = `badge ${call.replace(" ", "-")}`
      row.classList.toggle("meaningless", call === "meaningless")
      const { iou } = agreement(finding)
      const word = isSplit(finding) ? "split" : "agree"
      write(agree, iou === null ? (word === "split" ? word : "") : `${word} ${iou.toFixed(2)}`)
      agree.classList.toggle("split", word === "split")
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
 * means nothing. Marks that would cover one another stand one above the other, so that equal scores stay several.
 *
 * @param {Finding} finding
 * @param {Classifier[]} classifiers
 */
function scoreStrip(finding, classifiers) {
  const box = { viewBox: `0 0 100 ${HIGH}`, preserveAspectRatio: "none" }
  const svg = drawn("svg", { class: "strip", ...box, "aria-hidden": "true" })
  svg.append(drawn("line", { x1: 0, y1: HIGH / 2, x2: 100, y2: HIGH / 2, class: "axis" }))
  svg.append(drawn("line", { x1: 50, y1: 0, x2: 50, y2: HIGH, class: "point" }))
  const scored = classifiers.filter(({ id }) => Object.hasOwn(finding.scores, id))
  const places = lanes(scored.map(({ id }) => 2 + 96 * finding.scores[id]))
  scored.forEach(({ id, calibrated, meaningless, colour }, place) => {
    const { at, y, half } = places[place]
    const diamond = `M${at} ${y - half} L${at + 2} ${y} L${at} ${y + half} L${at - 2} ${y} Z`
    const cross = `M${at - 1.5} ${y - half} L${at + 1.5} ${y + half} M${at - 1.5} ${y + half} L${at + 1.5} ${y - half}`
    const mark = { "data-of": id, fill: colour, stroke: colour }
    if (meaningless) svg.append(drawn("path", { "data-of": id, d: cross, class: "meaningless" }))
    else if (calibrated) svg.append(drawn("ellipse", { ...mark, cx: at, cy: y, rx: 1.7, ry: half }))
    else svg.append(drawn("path", { ...mark, d: diamond }))
  })
  return svg
}

/**
 * Where marks stand on a line: those whose places are nearer than a mark is wide, one above the other.
 *
 * @param {number[]} places along the line
 */
function lanes(places) {
  const order = places.map((_, index) => index).sort((one, other) => places[one] - places[other])
  /** @type {number[][]} */
  const groups = []
  for (const index of order) {
    const last = groups[groups.length - 1]
    if (last && places[index] - places[last[last.length - 1]] < WIDE) last.push(index)
    else groups.push([index])
  }
  const found = places.map((at) => ({ at, y: HIGH / 2, half: 3.4 }))
  for (const group of groups.filter(({ length }) => length > 1)) {
    const step = HIGH / group.length
    group.sort((one, other) => one - other) // in the classifiers' order, wherever they stand
    group.forEach((index, lane) => Object.assign(found[index], { y: (lane + 0.5) * step, half: Math.min(3.4, step / 2 - 0.4) }))
  }
  return found
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
