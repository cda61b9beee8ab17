"""The live viewer: film and maps composited in the browser, under the reader's hand.

`payload` is what is sent, once for a film and once for its review; `committed` is what comes back, on release; `live`
puts the component on the page, its JavaScript, ES modules that need no build, joined into the one that Streamlit loads.
`types.js` has the shapes of what is sent.

What is here: `received.js` what came, `film.js`, `greys.js` and `maps.js` film and maps as the exports read them,
`findings.js` scores and agreement. What is set: `state.js`, and `view.js` the part of the film in view. What is seen:
`panels.js` the elements, `draw.js` their canvases, `words.js` (of `measures.js`) and `captions.js` what is said,
`finding_list.js`, `readout.js`, `thumbs.js` the strip, `corners.js`. What the reader does: `controls.js` (of
`presets.js`), `keys.js`, `gestures.js` (of `fingers.js`), `navigation.js`, `history.js` what is taken back, `tools.js`
what is measured (of `marks.js`), `magnifier.js`, `drawer.js`. `save.js` asks Python for a picture of the view
(`wanted`), which `delivery.js` hands over. `reading.js` puts all of that together for a film, and `viewer.js` takes
films in, one after the other; `stage.js` and `doubt.js` see to it that no two are seen at once.
"""
