// What is said of a finding and of how it is drawn: on the panels, in the title, and in an exported view.

class Words {
  /** Of what a viewer has and shows at this moment. */
  constructor(viewer) {
    this.viewer = viewer
    this.forget()
  }

  /** Let go of what was measured on maps that are no longer there. */
  forget() {
    this.samples = new Map()
    this.peak = null
  }

  /** Who stands behind the ensemble's map and its score, as `provenance.behind` says it. */
  behind(finding) {
    const { classifiers } = this.viewer.header
    const { weights } = this.viewer.state
    const names = (ids) => ids.map((id) => classifiers.find((each) => each.id === id).name).join(", ")
    const ids = behind(finding, classifiers, weights)
    if (!ids.length) return "no ensemble map"
    const empty = ids.filter((id) => this.viewer.grids[finding.maps[id]].empty)
    let text = `ensemble of ${names(ids)}${ids.length === 1 ? " alone" : ""}${empty.length ? ` (empty: ${names(empty)})` : ""}`
    const mean = meanScore(finding, classifiers, weights)
    const scoring = classifiers
      .filter(({ id, calibrated }) => mean?.calibrated === calibrated && Object.hasOwn(finding.scores, id) && weights[id] > 0)
      .map(({ id }) => id)
    if (scoring.join() !== ids.join()) text += `, score of ${names(scoring) || "none"}`
    const unknown = classifiers.filter(({ id }) => !Object.hasOwn(finding.scores, id)).map(({ id }) => id)
    return unknown.length ? `${text} · not known to ${names(unknown)}` : text
  }

  title(finding) {
    const { iou, rank } = this.agreement(finding)
    const mean = meanScore(finding, this.viewer.header.classifiers, this.viewer.state.weights)
    const parts = [mean ? `${finding.name} ${mean.value.toFixed(2)}, ${verdict(mean.value, mean.calibrated)}` : finding.name]
    if (iou !== null) parts.push(`maps overlap ${iou.toFixed(2)} (IoU)`)
    if (rank !== null) parts.push(`rank correlation ${rank.toFixed(2)}`)
    return parts.join(" · ")
  }

  agreement(finding) {
    const ids = behind(finding, this.viewer.header.classifiers, this.viewer.state.weights)
    return agreement(finding, ids, this.viewer.state.threshold, (grid) => this.sampled(grid, SAMPLES), this.viewer.grids)
  }

  sampled(grid, count) {
    const key = `${grid} ${count}`
    if (!this.samples.has(key)) this.samples.set(key, readSamples(this.viewer.geometry, [this.viewer.grids[grid]], count))
    return this.samples.get(key)
  }

  /** A panel's [caption, note, whether the score is below its operating point]. */
  panel(id, finding) {
    const { state, header } = this.viewer
    let [name, score, calibrated] = ["Ensemble", null, true]
    if (id === ENSEMBLE) {
      const mean = meanScore(finding, header.classifiers, state.weights)
      if (mean) [score, calibrated] = [mean.value, mean.calibrated]
    } else {
      const classifier = header.classifiers.find((each) => each.id === id)
      name = classifier.name
      calibrated = classifier.calibrated
      score = finding.scores[id] ?? null
    }
    const caption = score === null ? name : `${name} · ${score.toFixed(2)}`
    const parts = []
    const below = score !== null && calibrated && score < 0.5
    if (score !== null) parts.push(below ? "below its operating point: not called" : verdict(score, calibrated))
    parts.push(this.extent(id, finding))
    return [caption, parts.join(" · "), below]
  }

  /** How much of what was seen is at or above the threshold, or why there is no map. */
  extent(id, finding) {
    const parts = this.viewer.parts(id, finding)
    if (!parts.length) {
      if (id !== ENSEMBLE) return `no map: ${finding.missing[id] ?? "none was made"}`
      return "no map: no classifier with a weight above 0 has one"
    }
    if (parts.every(({ empty }) => empty)) return "empty map: nothing speaks for this finding"
    const ids = id === ENSEMBLE ? behind(finding, this.viewer.header.classifiers, this.viewer.state.weights) : [id]
    const lowest = this.viewer.state.threshold - ROUNDING
    const each = ids.map((one) => this.sampled(finding.maps[one], REGION_SAMPLES))
    let count = 0
    for (let i = 0; i < each[0].length; i++) {
      let value = 0
      for (let part = 0; part < each.length; part++) value += parts[part].weight * each[part][i]
      count += value >= lowest
    }
    const at = `at or above ${this.viewer.state.threshold.toFixed(2)}`
    if (!count && this.highest(id, finding, parts) < lowest) return `nothing ${at}`
    const share = (100 * count) / each[0].length // at samples, so about that much
    if (share < 0.05) return `less than 0.1 % ${at}`
    return `about ${share < 1 ? share.toFixed(1) : Math.round(share)} % ${at}`
  }

  /** A map's largest value: a mean of maps is largest at the centre of one of their cells. */
  highest(id, finding, parts) {
    if (id !== ENSEMBLE) return 1 // relative activation is over its own maximum
    const key = `${finding.label} ${JSON.stringify(this.viewer.state.weights)}`
    if (this.peak?.key !== key) {
      let value = 0
      for (const cells of new Set(parts.map((part) => part.cells))) {
        for (const each of readSamples(this.viewer.geometry, parts, cells)) if (each > value) value = each
      }
      this.peak = { key, value }
    }
    return this.peak.value
  }

  weights() {
    return this.viewer.header.classifiers.map(({ id }) => `${id} ${this.viewer.state.weights[id]}`).join(", ")
  }

  drawing() {
    const { threshold, opacity, colormap, style, window, inverted, hidden } = this.viewer.state
    const parts = hidden || this.viewer.held ? ["maps hidden"] : [`threshold ${threshold.toFixed(2)}`, colormap]
    if (parts.length > 1) parts.push(`opacity ${opacity.toFixed(2)}`, STYLES[style].toLowerCase())
    return `${parts.join(", ")}; ${window || inverted ? `window ${this.window()}` : "the file's own window"}`
  }

  /** The window as `provenance.window_line` has it. */
  window() {
    const { window, inverted } = this.viewer.state
    const words = window ? `center ${window.center}, width ${window.width}` : "as the file declares"
    return inverted ? `${words}, inverted` : words
  }
}
