// What is around the films: a light or a dark page, and a sentence where the server does not answer.

// @ts-check
/** @import { Appearance } from "./viewer/types.js" */
import { element, one } from "./viewer/elements.js"

const KEY = "ensemble-cam look" // in this browser's own storage
const BRIEFLY = 1500 // ms that a server may be away without a word
const GONE =
  "The app's server does not answer. What is on the screen can still be looked at; nothing new is computed. If it was " +
  "ended, start it again: this page goes on by itself, and films have to be opened anew."

const app = () => document.querySelector(".stApp")

/** Whether the page is dark now. */
function isDark() {
  const there = app()
  return there !== null && getComputedStyle(there).colorScheme === "dark"
}

/**
 * Have Streamlit draw its page light or dark, by the message with which a page around it would ask for that.
 *
 * @param {boolean} dark
 */
function draw(dark) {
  const asked = { stCommVersion: 1, type: "SET_CUSTOM_THEME_CONFIG", themeName: "", themeInfo: { base: dark ? 1 : 0 } }
  window.postMessage(asked, location.origin)
}

/** Watches the server, for as long as the page is there. */
class Watch {
  constructor() {
    this.said = element("div", "server-gone")
    this.said.setAttribute("role", "alert")
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined
    const look = () => this.look()
    this.state = new MutationObserver(look)
    this.dialogs = new MutationObserver(look)
    const there = app()
    if (there) this.state.observe(there, { attributeFilter: ["data-test-connection-state"] })
    this.dialogs.observe(document.body, { childList: true })
  }

  look() {
    const state = app()?.getAttribute("data-test-connection-state")
    if (!state || state === "CONNECTED") {
      clearTimeout(this.waiting)
      this.waiting = undefined
      this.said.remove()
      return
    }
    // Streamlit's own message lies over the film, and asks for the internet.
    const close = document.querySelector('[data-testid="stDialog"] [role="dialog"] > button')
    if (close instanceof HTMLElement) close.click()
    this.waiting ??= setTimeout(() => {
      this.said.textContent = GONE
      document.body.append(this.said)
    }, BRIEFLY)
  }

  end() {
    this.state.disconnect()
    this.dialogs.disconnect()
    clearTimeout(this.waiting)
    this.said.remove()
  }
}

/** @type {WeakMap<object, Watch>} */
const WATCHES = new WeakMap()

/**
 * Streamlit calls this when the component appears, and at every change of data or theme.
 *
 * @param {Appearance<unknown>} appearance
 */
export default function ({ parentElement }) {
  const button = one(parentElement, "button")
  if (!WATCHES.has(parentElement)) {
    WATCHES.set(parentElement, new Watch())
    const kept = localStorage.getItem(KEY)
    if (kept !== null && (kept === "dark") !== isDark()) draw(kept === "dark")
  }
  const dark = isDark()
  button.textContent = dark ? "Light page" : "Dark page"
  button.onclick = () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark")
    draw(!isDark())
  }
  return () => {
    WATCHES.get(parentElement)?.end()
    WATCHES.delete(parentElement)
  }
}
