// What was found: scores and agreement by the weights and the threshold of this moment, and the list of findings.

const SAMPLES = 32 // points along each side of the crop at which maps are compared, as in `ensemble.agreement`
const REGION_SAMPLES = 128 // and at which a region's share is measured

/** The mean score by weight, as `ensemble.ensemble_score`: {value, calibrated}, or null. */
function meanScore(finding, classifiers, weights) {
  for (const calibrated of [true, false]) {
    const counted = classifiers.filter(
      (each) => each.calibrated === calibrated && Object.hasOwn(finding.scores, each.id) && weights[each.id] > 0,
    )
    if (!counted.length) continue
    const total = counted.reduce((sum, each) => sum + weights[each.id], 0)
    const value = counted.reduce((sum, each) => sum + weights[each.id] * finding.scores[each.id], 0) / total
    return { value, calibrated }
  }
  return null
}

/** How a score stands to its operating point. */
function verdict(value, calibrated) {
  if (!calibrated) return "uncalibrated"
  return value >= 0.5 ? "called" : "not called"
}

/** The ids behind the ensemble: those with a map and a weight above 0. */
function behind(finding, classifiers, weights) {
  return classifiers.map((each) => each.id).filter((id) => Object.hasOwn(finding.maps, id) && weights[id] > 0)
}

/** The weighted grids of the ensemble's map. */
function ensembleParts(finding, ids, weights, grids) {
  const total = ids.reduce((sum, id) => sum + weights[id], 0)
  return ids.map((id) => ({ ...grids[finding.maps[id]], weight: weights[id] / total }))
}

/** {iou, rank}: means over the pairs of maps behind the ensemble, null where there is nothing to compare. */
function agreement(finding, ids, threshold, sampled, grids) {
  const found = { iou: [], rank: [] }
  const lowest = threshold - ROUNDING
  ids.forEach((one, place) =>
    ids.slice(place + 1).forEach((other) => {
      const [first, second] = [sampled(finding.maps[one]), sampled(finding.maps[other])]
      const [emptyOne, emptyOther] = [grids[finding.maps[one]].empty, grids[finding.maps[other]].empty]
      let [both, either] = [0, 0]
      for (let i = 0; i < first.length; i++) {
        const a = !emptyOne && first[i] >= lowest
        const b = !emptyOther && second[i] >= lowest
        both += a && b
        either += a || b
      }
      if (either) found.iou.push(both / either)
      const rank = finding.ranks[`${one} ${other}`]
      if (rank !== undefined && rank !== null) found.rank.push(rank)
    }),
  )
  const mean = (values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : null)
  return { iou: mean(found.iou), rank: mean(found.rank) }
}

/** An element with a class and text; text is only ever text. */
function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** A line from 0 to 1 with a tick at the operating point and a mark for each classifier's score. */
function scoreStrip(finding, classifiers) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("class", "strip")
  svg.setAttribute("viewBox", "0 0 100 10")
  svg.setAttribute("preserveAspectRatio", "none")
  svg.setAttribute("aria-hidden", "true")
  const add = (tag, facts) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
    for (const [name, value] of Object.entries(facts)) made.setAttribute(name, value)
    svg.append(made)
  }
  add("line", { x1: 0, y1: 5, x2: 100, y2: 5, class: "axis" })
  add("line", { x1: 50, y1: 0, x2: 50, y2: 10, class: "point" })
  for (const each of classifiers) {
    const score = finding.scores[each.id]
    if (score === undefined) continue
    const at = 1.5 + 97 * score
    if (each.calibrated) add("ellipse", { cx: at, cy: 5, rx: 1.7, ry: 3.6, fill: each.colour })
    else add("path", { d: `M${at} 0.6 L${at + 2} 5 L${at} 9.4 L${at - 2} 5 Z`, fill: each.colour })
  }
  return svg
}

/** The list of findings: a button each, with its scores; made once for each review, its words renewed at any time. */
class FindingList {
  constructor(list, choose) {
    this.list = list
    this.choose = choose
    this.rows = []
  }

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
        .map((one) => `${one.name} ${finding.scores[one.id].toFixed(2)}`)
      row.title = `${finding.name}: ${each.join(", ")}`
      row.addEventListener("click", () => this.choose(finding.label))
      const item = element("li")
      item.append(row)
      this.list.append(item)
      return { finding, row, score, badge, agree }
    })
  }

  /** Renew the words: `mean(finding)` → score, `agree(finding)` → {iou}. */
  renew(chosen, mean, agree) {
    for (const { finding, row, score, badge, agree: told } of this.rows) {
      const found = mean(finding)
      const word = found ? verdict(found.value, found.calibrated) : "no weight"
      score.textContent = found ? found.value.toFixed(2) : "–"
      badge.textContent = word
      badge.className = `badge ${word.replace(" ", "-")}`
      const { iou } = agree(finding)
      told.textContent = iou === null ? "" : `agree ${iou.toFixed(2)}`
      const on = finding.label === chosen
      row.setAttribute("aria-current", String(on))
    }
  }

  /** Bring the chosen row into sight inside the list, without moving the page. */
  reveal(chosen) {
    const found = this.rows.find(({ finding }) => finding.label === chosen)
    if (!found) return
    const { list } = this
    const [top, bottom] = [found.row.offsetTop - list.offsetTop, found.row.offsetTop - list.offsetTop + found.row.offsetHeight]
    if (top < list.scrollTop) list.scrollTop = top
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight
  }
}
