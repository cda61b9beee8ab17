// The shapes of what Python sends, and of what the scripts hand on: comments alone, for the type check. Nothing of this
// reaches the browser.
//
// "Edge coordinates" of an axis begin at 0 at the first pixel's outer edge: pixel i reaches from i to i + 1.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

// What Python sends: `payload.payload` ------------------------------------------------------------------------------

/**
 * An axis of the square that the networks see and of the crop within it, in the film's edge coordinates.
 *
 * @typedef {object} Axis
 * @property {number} start of the square
 * @property {number} side of the square
 * @property {number} from where the crop begins
 * @property {number} to where it ends
 * @property {number} size of the film
 */

/** @typedef {{ x: Axis, y: Axis }} Geometry */

/**
 * A window over stored values.
 *
 * @typedef {{ center: number, width: number }} GreyWindow
 */

/**
 * What `payload.FilmPart` says of a film.
 *
 * @typedef {object} FilmFacts
 * @property {string} sha256 of the file
 * @property {number} width in pixels
 * @property {number} height in pixels
 * @property {[number, number]} sent width and height of the level that came
 * @property {boolean} detailed whether the whole of a large film came
 * @property {boolean} wide whether a pixel has two bytes
 * @property {number} lowest the stored value of index 0
 * @property {GreyWindow} window the file's own
 * @property {boolean} falling whether higher values are darker
 * @property {[number, number] | null} padding the stored values, first and last, that are no part of the film
 * @property {[number, number]} range of the stored values that the film uses
 * @property {{ row: number, column: number, detector: boolean } | null} spacing millimetres a pixel
 * @property {string | null} left which side of the patient is at the left edge as the file declares it, "R" or "L"
 * @property {string | null} view as the file declares it, such as "PA"; null where it does not
 */

/**
 * @typedef {object} Classifier
 * @property {string} id
 * @property {string} name
 * @property {boolean} calibrated whether it has operating points
 * @property {boolean} meaningless whether its scores and maps of this film mean nothing
 * @property {number} weight in the ensemble, at first
 * @property {string} colour of its marks, CSS
 */

/**
 * @typedef {object} Finding
 * @property {string} label upstream's name
 * @property {string} name as it is shown
 * @property {Record<string, number>} scores of each classifier that knows it, by id
 * @property {Record<string, number>} maps the place of each classifier's grid, by id
 * @property {Record<string, string>} missing why a classifier has no map, by id
 * @property {Record<string, number | null>} ranks "<id> <id>" → rank correlation of two maps
 */

/**
 * What the networks say of a finding, spelt as `reviewing.scores.Call` spells it.
 *
 * @typedef {"called" | "not called" | "uncalibrated" | "meaningless"} Call
 */

/**
 * Sentences with {places} for what is measured here: `reviewing.sentences.SAYS`, and `calls`, each at length.
 *
 * @typedef {object} Says
 * @property {Record<Call, string>} calls
 * @property {string} score
 * @property {string} overlap
 * @property {string} rank
 * @property {string} all_call
 * @property {string} some_call
 * @property {string} none_calls
 * @property {string} same_place
 * @property {string} near_places
 * @property {string} different_places
 * @property {string} spread
 * @property {string} no_spread
 * @property {string} weightless
 * @property {string} no_ensemble
 * @property {string} ensemble
 * @property {string} alone
 * @property {string} empty_among
 * @property {string} score_of
 * @property {string} unknown
 * @property {string} empty
 * @property {string} nothing
 * @property {string} share
 * @property {string} share_at
 * @property {string} regions
 * @property {string} no_map
 * @property {string} no_weight
 */

/** @typedef {"heatmap" | "contour" | "both"} Style */

/**
 * What lies over a film whose truth is known, in the film's edge coordinates: `payload.Planted`.
 *
 * @typedef {object} Planted
 * @property {[number, number][][]} contours of all that was planted
 * @property {{ name: string, at: [number, number] }[]} marks the learner's
 * @property {Record<string, [number, number]>} hottest "<label> <id>" → where a map is hottest
 * @property {Record<string, string>} judged "<label> <id>" → how a map stands to the truth
 * @property {string | null} target what the next click marks; null while clicks mark nothing
 * @property {string | null} asks the same as it is displayed
 */

/**
 * What is set where the viewer appears anew: `committed.Committed.start`.
 *
 * @typedef {object} Start
 * @property {string | null} film the SHA-256 of the film that finding, window and inversion belong to
 * @property {string | null} finding
 * @property {number} threshold
 * @property {number} opacity
 * @property {string} colormap
 * @property {Style} style
 * @property {GreyWindow | null} window
 * @property {boolean} inverted
 * @property {Record<string, number>} weights
 * @property {boolean} hidden
 */

/**
 * @typedef {object} Header
 * @property {number} number the film's in its session
 * @property {FilmFacts} film
 * @property {string | null} maps_of the SHA-256 of the film that was reviewed; null without a review
 * @property {Geometry} geometry
 * @property {boolean} whole whether the networks see all of the film
 * @property {string} outside what is said of what they do not see
 * @property {string} meaning what the colours mean
 * @property {Classifier[]} classifiers
 * @property {Finding[]} findings
 * @property {string | null} first the finding by which Python begins
 * @property {string | null} wanted the finding that was asked for by name
 * @property {number[]} grids the cells along a side of each
 * @property {string} set the set of classifiers and the film's name
 * @property {{ name: string, note: string }[]} colormaps
 * @property {{ kind: "" | "teaching" | "meaningless", said: string }} frame what the film stands in a frame for
 * @property {boolean} withheld whether the maps are kept back until the reader asks for them
 * @property {string} anew changes where the page goes on as another one was left, and `start` counts more than what is set
 * @property {Planted | null} planted null for all films but the lab's
 * @property {Says} says
 * @property {string} sha256 over all that is sent, but for `start`
 * @property {Start} start
 */

/**
 * The Arrow table of blobs, as Streamlit hands it over: the edge at which nothing is known of a cell.
 *
 * @typedef {object} Table
 * @property {number} numRows
 * @property {(column: string) => { get: (row: number) => any }} getChild
 */

/** @typedef {{ header: Header, blobs: Table }} Sent */

/** @typedef {ShadowRoot | HTMLElement} Root of a component's elements */

/**
 * What a component is called with.
 *
 * @template Data
 * @typedef {object} Appearance
 * @property {Data} data
 * @property {Root} parentElement
 * @property {(name: string, value: unknown) => void} setStateValue
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

// What is made of it --------------------------------------------------------------------------------------------------

/**
 * A map on its own grid, row by row, and its weight in what is shown.
 *
 * @typedef {object} Grid
 * @property {Float32Array} values cells × cells, relative activation
 * @property {number} cells along a side
 * @property {number} weight
 * @property {boolean} empty whether nothing in it is above 0
 */

/**
 * What is here of a film and of its review, if there is one.
 *
 * @typedef {object} Review
 * @property {Header} header
 * @property {import("./film.js").Film} film
 * @property {Bytes} own the file's own greys: index → grey
 * @property {Bytes} colours 256 RGB of each colour map
 * @property {Grid[]} grids
 */

/**
 * What the reader has set.
 *
 * @typedef {Omit<Start, "film"> & { large: string | null }} Settings `large`: what stands on the stage, null where all
 *   maps stand side by side
 */

/**
 * Words of one look in a line; `struck` ones have a line through them.
 *
 * @typedef {{ text: string, look?: "ink" | "faint" | "warn", struck?: boolean }} Run
 */

/** @typedef {Run[]} Paragraph */

/** @typedef {{ value: number, calibrated: boolean, meaningless: boolean }} Score */

/**
 * The part of the film that a panel shows: screen pixel i has its centre at (left + i + .5) / scale.
 *
 * @typedef {object} Place
 * @property {number} left in screen pixels
 * @property {number} top in screen pixels
 * @property {number} scale screen pixels for a source pixel
 * @property {number} width of the panel's canvas
 * @property {number} height of the panel's canvas
 */

/**
 * What has to be drawn anew: all, what follows the view, the film's greys, the maps, only how they look, or the strip alone.
 *
 * @typedef {"size" | "view" | "film" | "maps" | "look" | "strip"} Stale
 */

// The films of a session: `session.stage` -----------------------------------------------------------------------------

/** @typedef {{ number: number, sha256: string }} FilmId */
/** @typedef {FilmId & { name: string }} NamedFilm */

/**
 * A film of the list: `session.listed.listed`.
 *
 * @typedef {NamedFilm & { failure: string | null, picture: string | null, state: string, called: string[],
 *   split: string[], distance: number | null, overlap: number | null, said: string,
 *   done: boolean, apart: number, noted: boolean }} ListedFilm
 */

// What a reader says: `review.verdicts` -------------------------------------------------------------------------------

/** @typedef {"agree" | "disagree" | "unsure"} Verdict */

/**
 * Something that a reader says of a film; `id` rises from message to message.
 *
 * @typedef {object} Message
 * @property {number} id
 * @property {FilmId} film
 * @property {"mark" | "sure" | "back" | "verdict" | "note" | "reveal" | "done" | "shape" | "unshape"} kind
 * @property {string | null} [finding]
 * @property {[number, number] | null} [place] in source pixels
 * @property {number | null} [confidence]
 * @property {Verdict} [verdict]
 * @property {string} [text]
 * @property {"box" | "outline"} [shape]
 * @property {[number, number][]} [points] of a shape, in source pixels
 */

/**
 * @typedef {object} ReaderShape
 * @property {string} finding
 * @property {string} name
 * @property {"box" | "outline"} kind
 * @property {[number, number][]} points in source pixels
 * @property {"first" | "after"} phase
 */

/**
 * @typedef {object} ReaderMark
 * @property {string} finding
 * @property {string} name
 * @property {[number, number] | null} place in source pixels
 * @property {number | null} confidence
 * @property {"first" | "after"} phase
 */

/**
 * Where one network's map of a finding that it calls is at or above a threshold.
 *
 * @typedef {object} NetworkOutline
 * @property {string} finding
 * @property {string} name
 * @property {string} colour of the network
 * @property {[number, number][][]} lines in source pixels
 */

/**
 * What is kept of what a reader has said of the film on the stage.
 *
 * @typedef {object} Said
 * @property {FilmId} film
 * @property {"first" | "again" | "after" | "none"} phase a first read, a film that is hidden again, verdicts, neither
 * @property {boolean} alone whether it is read without networks, as a readers' study has it: nothing is revealed
 * @property {{ label: string, name: string }[]} labels that can be marked
 * @property {ReaderMark[]} marks
 * @property {ReaderShape[]} shapes
 * @property {Record<string, Verdict>} verdicts
 * @property {{ finding: string | null, text: string }[]} notes
 * @property {{ both: string[], you: string[], networks: string[] } | null} compared
 * @property {NetworkOutline[]} outlines of what the networks call, once a first read is over
 * @property {boolean} done
 * @property {string} progress
 * @property {number} heard the last message that was dealt with
 * @property {string} failed why something could not be kept
 */
