// The viewer's height, all that the page leaves below what stands above it; and the room in its rail that words of the
// page take, which lie over it so that none of them ever moves the film.

// @ts-check
const OVER = { noticed: '.stMain [class*="st-key-teaching-line"]', said: ".stMain .st-key-said" }

/**
 * Keep the viewer as high as the page has room for; returns what fits it anew.
 *
 * What stands above may lose a line in the very moment in which what stands below gets one: the page's height stays, and
 * no size has changed. So parts that come and go are watched, too.
 *
 * @param {HTMLElement} box
 * @param {AbortSignal} signal ends it
 */
export function keepFitting(box, signal) {
  const page = document.querySelector(".stMain")
  /** @type {WeakSet<Element>} */
  const watched = new WeakSet()
  const fit = () => {
    const above = box.getBoundingClientRect().top + (page?.scrollTop ?? 0)
    box.style.setProperty("--around", `${Math.round(above)}px`)
    for (const [name, selector] of Object.entries(OVER)) {
      const words = document.querySelector(selector)
      if (words && !watched.has(words)) {
        watched.add(words)
        watcher.observe(words)
      }
      box.style.setProperty(`--${name}`, `${words instanceof HTMLElement ? words.offsetHeight : 0}px`)
    }
  }
  let due = 0
  const later = () => {
    cancelAnimationFrame(due)
    due = requestAnimationFrame(fit)
  }
  const watcher = new ResizeObserver(fit)
  const parts = new MutationObserver(later)
  if (page) parts.observe(page, { childList: true, subtree: true })
  if (page?.firstElementChild) watcher.observe(page.firstElementChild)
  addEventListener("resize", fit, { signal })
  signal.addEventListener("abort", () => {
    watcher.disconnect()
    parts.disconnect()
    cancelAnimationFrame(due)
  })
  return fit
}
