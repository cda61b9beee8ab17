// The viewer's height: what the page leaves below what stands above it, but for a row of buttons.

// @ts-check
const ROOM_BELOW = 60 // CSS pixels

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
  const fit = () => {
    const above = box.getBoundingClientRect().top + (page?.scrollTop ?? 0)
    box.style.setProperty("--around", `${Math.round(above) + ROOM_BELOW}px`)
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
