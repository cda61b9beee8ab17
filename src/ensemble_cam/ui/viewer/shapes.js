// Shapes over a panel, drawn as SVG.

// @ts-check

const SVG = "http://www.w3.org/2000/svg"

/**
 * A panel's layer of shapes, made where there is none.
 *
 * @param {HTMLElement} screen the panel's
 * @param {string} name
 */
export function svgIn(screen, name) {
  const there = screen.querySelector(`svg.${name}`)
  if (there) return there
  const made = document.createElementNS(SVG, "svg")
  made.classList.add(name)
  made.setAttribute("aria-hidden", "true") // what it says is said beside
  screen.append(made)
  return made
}

/**
 * @param {string} name
 * @param {Record<string, number | string>} attributes
 */
export function shape(name, attributes) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
