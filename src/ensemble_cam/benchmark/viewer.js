// Watches a page from before its first script: what comes through its web sockets, when the viewer drew, when keys and
// the pointer's moves came. Times are milliseconds; `view.at` since 1970, the others since the page began.
(() => {
  const watch = { bytes: 0, view: null, frames: null, moves: 0, told: 0, key: null, paints: [] }
  window.watch = watch

  const Native = window.WebSocket
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given)
      this.addEventListener("message", ({ data }) => {
        watch.bytes += data.byteLength ?? data.size ?? data.length
      })
    }
  }

  // The viewer stands in a shadow root that is made anew with it; its event is seen on its way out instead.
  const dispatch = EventTarget.prototype.dispatchEvent
  EventTarget.prototype.dispatchEvent = function (event) {
    if (event.type === "drawn") drawn(this)
    return dispatch.call(this, event)
  }

  function drawn(viewer) {
    const now = performance.now()
    watch.frames?.push(now)
    if (!watch.view && viewer.querySelector(".panel canvas").getAttribute("aria-label").includes(": map of")) {
      watch.view = { at: performance.timeOrigin + now, bytes: watch.bytes }
    }
    if (watch.key === null) return
    const pressed = watch.key
    watch.key = null
    requestAnimationFrame(() => watch.paints.push(performance.now() - pressed))
  }

  addEventListener("keydown", (event) => (watch.key = event.timeStamp), true)
  addEventListener(
    "pointermove",
    (event) => {
      watch.told += 1
      watch.moves += event.getCoalescedEvents().length || 1
    },
    true,
  )
})()
