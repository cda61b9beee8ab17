// The session's films. The mark follows the stage; a click asks the server, which alone decides what is shown.

const LISTS = new WeakMap()

class FilmList {
  constructor(root) {
    this.root = root
    this.list = root.querySelector(".films")
    this.asked = null // the number of the film that the server was asked for, and has not shown yet
    this.ending = new AbortController()
    theStage().addEventListener("change", () => this.mark(), { signal: this.ending.signal })
  }

  /** Show what the server sent: it has answered whatever it was asked. */
  take({ films, on_stage, revision }, send) {
    Object.assign(this, { films, revision, send, asked: null })
    const told = JSON.stringify(films)
    if (told !== this.told) this.build(films)
    this.told = told
    theStage().expect(on_stage)
    this.mark()
    this.rows.find((row) => row.getAttribute("aria-checked") === "true")?.scrollIntoView({ block: "nearest" })
  }

  build(films) {
    const focused = this.rows?.indexOf(this.list.getRootNode().activeElement) ?? -1
    this.rows = films.map((film, place) => {
      const row = document.createElement("div")
      row.setAttribute("role", "radio")
      row.textContent = film.name
      row.title = film.failure ? `${film.name}: ${film.failure}` : film.name
      row.classList.toggle("failed", Boolean(film.failure))
      row.onclick = () => this.ask(place)
      row.onkeydown = (event) => this.press(event, place)
      return row
    })
    this.list.replaceChildren(...this.rows)
    this.list.hidden = films.length < 2
    if (focused >= 0) this.rows[Math.min(focused, films.length - 1)].focus()
  }

  ask(place) {
    const { number, sha256 } = this.films[place]
    this.asked = number
    this.mark()
    this.send("request", { number, sha256, revision: this.revision })
  }

  press(event, place) {
    const last = this.rows.length - 1
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last, " ": place, Enter: place }[event.key]
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    event.stopPropagation()
    const next = Math.min(Math.max(to, 0), last)
    this.rows[next].focus()
    this.ask(next)
  }

  mark() {
    const { shown } = theStage()
    let reached = null
    this.rows?.forEach((row, place) => {
      const film = this.films[place]
      const here = shown !== null && filmKey(shown) === filmKey(film)
      if (here && this.asked === film.number) this.asked = null
      row.setAttribute("aria-checked", String(here))
      row.setAttribute("aria-busy", String(this.asked === film.number))
      if (here) reached = row
    })
    this.rows?.forEach((row, place) => (row.tabIndex = row === (reached ?? this.rows[0]) ? 0 : -1))
  }

  end() {
    this.ending.abort()
    theStage().expect(null)
  }
}

/** Streamlit calls this when the component appears, and at every change of data or theme. */
export default function ({ data, parentElement, setTriggerValue }) {
  let list = LISTS.get(parentElement)
  if (!list) LISTS.set(parentElement, (list = new FilmList(parentElement)))
  list.take(data, setTriggerValue)
  return () => {
    LISTS.delete(parentElement)
    list.end()
  }
}
