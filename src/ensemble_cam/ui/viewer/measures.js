// What is measured on maps while a hand moves: at points spread over the crop, each map's once.

// @ts-check
/** @import { Crossings } from "./regions.js" */
/** @import { Finding, Grid } from "./types.js" */
/** @import { State } from "./state.js" */
import { ENSEMBLE, agreement } from "./findings.js"
import { ROUNDING, readSamples } from "./maps.js"
import { countRegions, readCrossings } from "./regions.js"

const SAMPLES = 32 // points along each side of the crop at which maps are compared, as in `maps.agreement`
const REGION_SAMPLES = 128 // and at which a region's share is measured

export class Measures {
  /** @param {State} state */
  constructor(state) {
    this.state = state
    /** @type {Map<string, Float32Array>} */
    this.samples = new Map()
    /** @type {{ key: string, value: number } | null} */
    this.peak = null
    /** @type {Map<string, { key: string, crossings: Crossings, threshold: number, count: number }>} each panel's */
    this.counted = new Map()
  }

  /** Let go of what was measured on maps that are no longer there. */
  forget() {
    this.samples = new Map()
    this.peak = null
    this.counted = new Map()
  }

  /**
   * How far the maps behind a finding's ensemble agree.
   *
   * @param {Finding} finding
   */
  agreement(finding) {
    const { state } = this
    const sampled = (/** @type {number} */ grid) => this.sampled(grid, SAMPLES)
    return agreement(finding, state.behind(finding), state.settings.threshold, sampled, state.review.grids)
  }

  /**
   * About which share of what was seen is at or above the threshold; null where no point of the map is.
   *
   * @param {string} id a classifier's, or the ensemble's, that has a map
   * @param {Finding} finding
   */
  share(id, finding) {
    const parts = this.state.parts(id, finding)
    const ids = id === ENSEMBLE ? this.state.behind(finding) : [id]
    const lowest = this.state.settings.threshold - ROUNDING
    const each = ids.map((one) => this.sampled(finding.maps[one], REGION_SAMPLES))
    const count = each[0].length
    let reached = 0
    for (let i = 0; i < count; i++) {
      let value = 0
      for (let part = 0; part < each.length; part++) value += parts[part].weight * each[part][i]
      if (value >= lowest) reached++
    }
    return !reached && this.highest(id, finding, parts) < lowest ? null : reached / count
  }

  /**
   * About which share of what was seen the maps behind a finding's ensemble differ on by the threshold or more; null
   * where they do at no point.
   *
   * @param {Finding} finding
   */
  spread(finding) {
    const each = this.state.behind(finding).map((id) => this.sampled(finding.maps[id], REGION_SAMPLES))
    const lowest = this.state.settings.threshold - ROUNDING
    const count = each[0].length
    let reached = 0
    for (let i = 0; i < count; i++) {
      let [low, high] = [each[0][i], each[0][i]]
      for (const values of each) {
        if (values[i] < low) low = values[i]
        else if (values[i] > high) high = values[i]
      }
      if (high - low >= lowest) reached++
    }
    return reached ? reached / count : null
  }

  /**
   * How many regions are at or above the threshold.
   *
   * @param {string} id a classifier's, or the ensemble's, that has a map
   * @param {Finding} finding
   */
  regions(id, finding) {
    const { settings, review } = this.state
    const threshold = settings.threshold - ROUNDING
    const key = id === ENSEMBLE ? `${finding.label} ${JSON.stringify(settings.weights)}` : finding.label
    const before = this.counted.get(id)
    if (before?.key === key && before.threshold === threshold) return before.count
    const held = before?.key === key ? before.crossings : null
    const crossings = held ?? readCrossings(review.header.geometry, this.state.parts(id, finding))
    const count = countRegions(crossings, threshold)
    this.counted.set(id, { key, crossings, threshold, count })
    return count
  }

  /**
   * @param {number} grid
   * @param {number} count
   */
  sampled(grid, count) {
    const key = `${grid} ${count}`
    let found = this.samples.get(key)
    if (!found) {
      const { header, grids } = this.state.review
      found = readSamples(header.geometry, [grids[grid]], count)
      this.samples.set(key, found)
    }
    return found
  }

  /**
   * A map's largest value: a mean of maps is largest at the centre of one of their cells.
   *
   * @param {string} id
   * @param {Finding} finding
   * @param {Grid[]} parts
   */
  highest(id, finding, parts) {
    if (id !== ENSEMBLE) return 1 // relative activation is over its own maximum
    const key = `${finding.label} ${JSON.stringify(this.state.settings.weights)}`
    if (this.peak?.key !== key) {
      let value = 0
      for (const cells of new Set(parts.map((part) => part.cells))) {
        for (const each of readSamples(this.state.review.header.geometry, parts, cells)) if (each > value) value = each
      }
      this.peak = { key, value }
    }
    return this.peak.value
  }
}
