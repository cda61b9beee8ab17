// What was found, by the weights and the threshold of this moment: scores, who stands behind an ensemble, agreement.

// @ts-check
/** @import { Call, Classifier, Finding, Grid, Score } from "./types.js" */
import { ROUNDING } from "./maps.js"

export const ENSEMBLE = "ensemble" // as `settings.vocabulary` has it
export const DISAGREEMENT = "disagreement" // of the maps behind the ensemble: the largest less the smallest
const OPERATING_POINT = 0.5 // as `reviewing.scores` has it

/** @typedef {Record<string, number>} Weights by a classifier's id */

/**
 * The mean score by weight, as `reviewing.scores.ensemble_score`; null where no weight is above 0.
 *
 * @param {Finding} finding
 * @param {Classifier[]} classifiers
 * @param {Weights} weights
 * @returns {Score | null}
 */
export function meanScore(finding, classifiers, weights) {
  const knowing = classifiers.filter((each) => Object.hasOwn(finding.scores, each.id) && weights[each.id] > 0)
  const meaningless = knowing.some((each) => each.meaningless)
  for (const calibrated of [true, false]) {
    const counted = knowing.filter((each) => each.calibrated === calibrated)
    if (!counted.length) continue
    const total = counted.reduce((sum, each) => sum + weights[each.id], 0)
    const value = counted.reduce((sum, each) => sum + weights[each.id] * finding.scores[each.id], 0) / total
    return { value, calibrated, meaningless }
  }
  return null
}

/**
 * What a score says of the finding, as `reviewing.scores.call_of`.
 *
 * @param {Score} score
 * @returns {Call}
 */
export function callOf({ value, calibrated, meaningless }) {
  if (meaningless) return "meaningless"
  if (!calibrated) return "uncalibrated"
  return value >= OPERATING_POINT ? "called" : "not called"
}

/**
 * How many of those that take a side there are, and how many of them call the finding, as `sentences.disagreement`
 * counts them.
 *
 * @param {Finding} finding
 * @param {Classifier[]} classifiers
 * @param {Weights} weights
 */
export function sides(finding, classifiers, weights) {
  const calls = classifiers
    .filter(({ id }) => Object.hasOwn(finding.scores, id) && weights[id] > 0)
    .map(({ id, calibrated, meaningless }) => callOf({ value: finding.scores[id], calibrated, meaningless }))
  const calling = calls.filter((call) => call === "called").length
  return { calling, count: calling + calls.filter((call) => call === "not called").length }
}

/**
 * The findings as they rank by the weights of this moment, those with maps first.
 *
 * @param {Finding[]} findings
 * @param {Classifier[]} classifiers
 * @param {Weights} weights
 */
export function ranked(findings, classifiers, weights) {
  const scored = findings.map((finding) => ({
    finding,
    score: meanScore(finding, classifiers, weights)?.value ?? -1,
    mapped: Number(Object.keys(finding.maps).length > 0),
  }))
  scored.sort(
    (one, other) =>
      other.mapped - one.mapped || other.score - one.score || (one.finding.label < other.finding.label ? -1 : 1),
  )
  return scored.map(({ finding }) => finding)
}

/**
 * The ids behind the ensemble: those with a map and a weight above 0.
 *
 * @param {Finding} finding
 * @param {Classifier[]} classifiers
 * @param {Weights} weights
 */
export function behind(finding, classifiers, weights) {
  return classifiers.map((each) => each.id).filter((id) => Object.hasOwn(finding.maps, id) && weights[id] > 0)
}

/**
 * The weighted grids of the ensemble's map.
 *
 * @param {Finding} finding
 * @param {string[]} ids
 * @param {Weights} weights
 * @param {Grid[]} grids
 * @returns {Grid[]}
 */
export function ensembleParts(finding, ids, weights, grids) {
  const total = ids.reduce((sum, id) => sum + weights[id], 0)
  return ids.map((id) => ({ ...grids[finding.maps[id]], weight: weights[id] / total }))
}

/**
 * How far the maps behind an ensemble agree: means over their pairs, null where there is nothing to compare.
 *
 * @param {Finding} finding
 * @param {string[]} ids
 * @param {number} threshold
 * @param {(grid: number) => Float32Array} sampled a grid's values at points spread over the crop
 * @param {Grid[]} grids
 */
export function agreement(finding, ids, threshold, sampled, grids) {
  /** @type {{ iou: number[], rank: number[] }} */
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
        if (a && b) both++
        if (a || b) either++
      }
      if (either) found.iou.push(both / either)
      const rank = finding.ranks[`${one} ${other}`]
      if (rank !== undefined && rank !== null) found.rank.push(rank)
    }),
  )
  return { iou: mean(found.iou), rank: mean(found.rank) }
}

/** @param {number[]} values */
function mean(values) {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null
}
