// What is said of a finding and of how it is drawn: on the panels and in the title.
//
// The sentences are Python's, `reviewing.sentences`, and come with the film; what is measured here is put into them.

// @ts-check
/** @import { Call, Finding, Says, Score } from "./types.js" */
/** @import { Measures } from "./measures.js" */
/** @import { State } from "./state.js" */
import { DISAGREEMENT, ENSEMBLE, callOf, meanScore, sides } from "./findings.js"
import { FILM } from "./state.js"

// As `sentences` has them: the overlap from which on maps lie at one place, and below which at different ones.
const [SAME_PLACE, DIFFERENT_PLACES] = [0.5, 1 / 3]

/**
 * Put values into the places of a sentence.
 *
 * @param {string} sentence
 * @param {Record<string, string>} values
 */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name])
}

export class Words {
  /**
   * @param {State} state
   * @param {Measures} measures
   */
  constructor(state, measures) {
    this.state = state
    this.measures = measures
  }

  /** @returns {Says} */
  get says() {
    return this.state.review.header.says
  }

  /** @param {string[]} ids */
  names(ids) {
    return ids.map((id) => this.state.nameOf(id)).join(", ")
  }

  /**
   * The mean score of a finding by the weights of this moment.
   *
   * @param {Finding} finding
   */
  mean(finding) {
    return meanScore(finding, this.state.review.header.classifiers, this.state.settings.weights)
  }

  /**
   * Who stands behind the ensemble's map and its score, as `sentences.behind` says it.
   *
   * @param {Finding} finding
   */
  behind(finding) {
    const { says } = this
    const { classifiers } = this.state.review.header
    const { weights } = this.state.settings
    const ids = this.state.behind(finding)
    if (!ids.length) return says.no_ensemble
    let text = filled(says.ensemble, { names: this.names(ids) })
    if (ids.length === 1) text += says.alone
    const empty = ids.filter((id) => this.state.review.grids[finding.maps[id]].empty)
    if (empty.length) text += filled(says.empty_among, { names: this.names(empty) })
    const mean = this.mean(finding)
    const counted = classifiers.filter((each) => each.calibrated === mean?.calibrated && weights[each.id] > 0)
    const scoring = counted.map(({ id }) => id).filter((id) => Object.hasOwn(finding.scores, id))
    if (scoring.join() !== ids.join()) text += filled(says.score_of, { names: this.names(scoring) || "none" })
    const unknown = classifiers.filter(({ id }) => !Object.hasOwn(finding.scores, id)).map(({ id }) => id)
    return unknown.length ? text + filled(says.unknown, { names: this.names(unknown) }) : text
  }

  /**
   * A finding's head: its score and what that says, who calls it, and whether they look at one place.
   *
   * @param {Finding} finding
   */
  title(finding) {
    return [this.head(finding), this.disagreement(finding)].filter(Boolean).join(" · ")
  }

  /**
   * Who calls a finding, and whether its maps lie at one place, as `sentences.disagreement` says it.
   *
   * @param {Finding} finding
   */
  disagreement(finding) {
    const { says } = this
    if (this.mean(finding)?.meaningless) return ""
    const { calling, count } = sides(finding, this.state.review.header.classifiers, this.state.settings.weights)
    const numbers = { calling: String(calling), count: String(count) }
    const parts = []
    if (count > 1 && calling === count) parts.push(filled(says.all_call, { count: numbers.count }))
    else if (count > 1 && calling) parts.push(filled(says.some_call, { calling: numbers.calling, count: numbers.count }))
    else if (count > 1) parts.push(filled(says.none_calls, { count: numbers.count }))
    const { iou } = this.measures.agreement(finding)
    if (iou !== null) parts.push(this.place(iou))
    return parts.join("; ")
  }

  /**
   * Whether some call a finding and others do not.
   *
   * @param {Finding} finding
   */
  isSplit(finding) {
    const { calling, count } = sides(finding, this.state.review.header.classifiers, this.state.settings.weights)
    return 0 < calling && calling < count
  }

  /** @param {number} overlap mean IoU of the maps' regions */
  place(overlap) {
    const { says } = this
    const iou = overlap.toFixed(2)
    if (overlap >= SAME_PLACE) return filled(says.same_place, { iou })
    if (overlap < DIFFERENT_PLACES) return filled(says.different_places, { iou })
    return filled(says.near_places, { iou })
  }

  /**
   * How far the maps behind an ensemble agree, and whose they are, as `sentences.support` says it.
   *
   * @param {Finding} finding
   */
  support(finding) {
    const { says } = this
    const { iou, rank } = this.measures.agreement(finding)
    const parts = []
    if (iou !== null) parts.push(filled(says.overlap, { iou: iou.toFixed(2) }))
    if (rank !== null) parts.push(filled(says.rank, { rank: rank.toFixed(2) }))
    return [...parts, this.behind(finding)].join(" · ")
  }

  /**
   * A finding with its score and what that says.
   *
   * @param {Finding} finding
   */
  head(finding) {
    const { says } = this
    const mean = this.mean(finding)
    const score = mean && filled(says.score, { value: mean.value.toFixed(2), call: callOf(mean) })
    return score ? `${finding.name} ${score}` : finding.name
  }

  /**
   * What stands over a panel.
   *
   * @param {string} id
   * @param {Finding} finding
   * @returns {{ caption: string, note: string, call: Call | null, struck: string | null }} struck: the
   *   score, where it means nothing
   */
  panel(id, finding) {
    if (id === FILM) {
      return { caption: "Film alone", note: this.state.review.header.outside, call: null, struck: null }
    }
    if (id === DISAGREEMENT) {
      return { caption: this.state.nameOf(id), note: this.spread(finding), call: null, struck: null }
    }
    const score = id === ENSEMBLE ? this.mean(finding) : this.scoreOf(id, finding)
    const weightless = this.state.settings.weights[id] === 0 ? ` (${this.says.weightless})` : ""
    const name = this.state.nameOf(id) + weightless
    const extent = this.extent(id, finding)
    if (!score) return { caption: name, note: extent, call: null, struck: null }
    const call = callOf(score)
    const judged = this.state.review.header.planted?.judged[`${finding.label} ${id}`]
    return {
      caption: `${name} · ${score.value.toFixed(2)}`,
      note: [this.says.calls[call], judged, extent].filter(Boolean).join(" · "),
      call,
      struck: struckOf(score),
    }
  }

  /**
   * What the disagreement's picture shows.
   *
   * @param {Finding} finding
   */
  spread(finding) {
    const { says, state } = this
    const count = state.parts(DISAGREEMENT, finding).length
    if (!count) return says.no_spread
    const share = this.measures.spread(finding)
    const colours = state.colormapOf(DISAGREEMENT)
    return filled(says.spread, { count: String(count), colours, share: this.reached(share) })
  }

  /**
   * How much of what was seen reaches the threshold.
   *
   * @param {number | null} share null where nothing does
   */
  reached(share) {
    const { says } = this
    const threshold = this.state.settings.threshold.toFixed(2)
    if (share === null) return filled(says.nothing, { threshold })
    return filled(says.share_at, { share: filled(says.share, { area: about(100 * share) }), threshold })
  }

  /**
   * What stands below a picture of the strip, which part of it is struck, and what is told of it at length.
   *
   * @param {string} id
   * @param {Finding} finding
   */
  thumb(id, finding) {
    const name = this.state.nameOf(id)
    const { caption, note, struck } = this.panel(id, finding)
    if (id === FILM) return { name, told: caption, struck }
    return { name: caption, told: `${finding.name}: ${caption}. ${note}`, struck }
  }

  /**
   * A finding's mean score as it is written, where it means nothing; else null.
   *
   * @param {Finding} finding
   */
  struck(finding) {
    return struckOf(this.mean(finding))
  }

  /**
   * @param {string} id
   * @param {Finding} finding
   */
  scoreOf(id, finding) {
    const classifier = this.state.review.header.classifiers.find((each) => each.id === id)
    if (!classifier || !Object.hasOwn(finding.scores, id)) return null
    return { value: finding.scores[id], calibrated: classifier.calibrated, meaningless: classifier.meaningless }
  }

  /**
   * How much of what was seen is at or above the threshold, in how many regions, or why there is no map, as
   * `sentences.extent` says it.
   *
   * @param {string} id
   * @param {Finding} finding
   */
  extent(id, finding) {
    const { says } = this
    const parts = this.state.parts(id, finding)
    if (!parts.length) {
      const why = id === ENSEMBLE ? says.no_weight : (finding.missing[id] ?? "none was made")
      return filled(says.no_map, { why })
    }
    if (parts.every(({ empty }) => empty)) return says.empty
    const share = this.measures.share(id, finding)
    const text = this.reached(share)
    if (share === null) return text
    const count = this.measures.regions(id, finding)
    return count > 1 ? filled(says.regions, { count: String(count), share: text }) : text
  }
}

/** @param {Score | null} score */
function struckOf(score) {
  return score?.meaningless ? score.value.toFixed(2) : null
}

/**
 * A percentage that was measured at samples: about that much.
 *
 * @param {number} percent
 */
function about(percent) {
  if (percent < 0.05) return "less than 0.1%"
  return `about ${percent < 1 ? percent.toFixed(1) : Math.round(percent)}%`
}
