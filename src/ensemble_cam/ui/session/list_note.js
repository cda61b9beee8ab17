// Says what is known of the films at the end of a run of the page: the list was drawn at its beginning.

// @ts-check
/** @import { Appearance, ListedFilm } from "../viewer/types.js" */
import { theStage } from "../viewer/stage.js"

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<{ films: ListedFilm[], progress: string }>} appearance
 */
export default function ({ data }) {
  theStage().tell(data.films, data.progress)
}
