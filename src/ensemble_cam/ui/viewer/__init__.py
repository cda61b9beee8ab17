"""The live viewer: film and maps composited in the browser, under the reader's hand.

`payload` is what is sent, once for a film and once for its review; `committed` is what comes back, on release; `live`
puts the component on the page. The JavaScript is plain and needs no build: the files are joined, in the order of
`live.SCRIPTS`, into the one module that Streamlit loads. `film.js` unpacks and draws the film, `maps.js` reads and
colours maps exactly as the exports do, `view.js` is zoom and pan, `findings.js` the list with its scores, `words.js`
what is said of them, `picture.js` the PNG of what is on the screen, `controls.js` and `gestures.js` what the reader
does, `viewer.js` the whole.
"""
