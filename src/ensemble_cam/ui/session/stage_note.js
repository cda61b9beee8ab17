// Says which film is shown where the server draws it, without the live viewer.

const OWNERS = new WeakMap()

/** Streamlit calls this when the component appears, and at every change of data or theme. */
export default function ({ data, parentElement }) {
  const owner = OWNERS.get(parentElement) ?? {}
  OWNERS.set(parentElement, owner)
  theStage().show(data.film, owner)
  return () => {
    OWNERS.delete(parentElement)
    theStage().leave(owner)
  }
}
