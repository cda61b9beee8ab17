"""The browser app: everything that imports Streamlit.

`page` is the whole app, of two pages: `review`, where films are read, and `lab`, where phantoms are. `films` is what a
session holds; `jobs` is the queue for the processor that all sessions share; `networks` finds, fetches and loads
classifiers; `controls` is the sidebar, `results` what a review shows. `sets` is the choice between the clinical and the
teaching set, with what stands on every screen of the latter; `fetching` brings weights; `opening` is what a reader
meets before any film of their own. `serve` starts the server.
"""
