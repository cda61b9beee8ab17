// The viewer's height: what the page leaves below what stands above it, but for a row of buttons.

// @ts-check
const ROOM_BELOW = 60 // CSS pixels

/**
 * Keep the viewer as high as the page has room for; returns what fits it anew, as what stands above may change its
 * height while that of the page stays.
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
  const watcher = new ResizeObserver(fit)
  if (page?.firstElementChild) watcher.observe(page.firstElementChild)
  addEventListener("resize", fit, { signal })
  signal.addEventListener("abort", () => watcher.disconnect())
  return fit
}
