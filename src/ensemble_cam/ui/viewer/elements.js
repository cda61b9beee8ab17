// Elements of the page.

/**
 * An element with a class and text; text is only ever text.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {string} [text]
 */
export function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/**
 * Show a text. One that is there already is left alone: to write it anew would lay the page out anew.
 *
 * @param {HTMLElement} target
 * @param {string} text
 */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/** @type {WeakMap<HTMLElement, string>} what `showText` has shown last */
const SHOWN = new WeakMap()

/**
 * Show a text, with a part of it struck through; nothing where it is shown already.
 *
 * @param {HTMLElement} target
 * @param {string} text
 * @param {string | null} struck null where there is no such part
 */
export function showText(target, text, struck) {
  const key = `${text}\n${struck}`
  if (SHOWN.get(target) === key) return
  SHOWN.set(target, key)
  const at = struck === null ? -1 : text.indexOf(struck)
  if (struck === null || at < 0) target.textContent = text
  else target.replaceChildren(text.slice(0, at), element("s", "", struck), text.slice(at + struck.length))
}

/**
 * The element that a selector names, which must be of its kind: an HTMLElement, where none is given.
 *
 * @template {Element} [Kind=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function one(root, selector, kind) {
  const found = root.querySelector(selector)
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`The page has no ${selector}.`)
  return /** @type {Kind} */ (found)
}
