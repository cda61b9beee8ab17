"""The browser app: everything that imports Streamlit.

`page` is the whole app, of two pages: `review`, where films are read, and `lab`, where phantoms are. `session` is what
one browser session holds, first of all which film is on the stage; `viewer` is the live viewer in the browser. `sets`
is the choice between the sets of classifiers, with what stands on every screen of the teaching set; `fetching` brings
weights; `film_view` shows a film alone. `scripts` joins a component's JavaScript. `launch` starts the app, `serve` its
server, `warm_up` what takes long to load.
"""
