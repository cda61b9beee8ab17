"""The browser app: everything that imports Streamlit.

`page` puts a page together; `films` is what a session holds; `jobs` is the queue for the processor that all sessions
share; `networks` finds, fetches and loads classifiers; `controls` is the sidebar, `results` what a review shows.
"""
