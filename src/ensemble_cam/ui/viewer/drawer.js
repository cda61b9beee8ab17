// What lies beside the film until it is asked for: Streamlit's sidebar, and the files below.

// @ts-check

/** Open the drawer of films and settings, or close it. */
export function toggleDrawer() {
  const open = document.querySelector('[data-testid="stExpandSidebarButton"]') // there while it is closed
  const button = open ?? document.querySelector('[data-testid="stSidebarCollapseButton"] button')
  if (button instanceof HTMLElement) button.click()
}

/** Go to the figures and files below the film, or back. */
export function toggleExports() {
  const page = document.querySelector(".stMain")
  page?.scrollTo({ top: page.scrollTop ? 0 : page.scrollHeight })
}
