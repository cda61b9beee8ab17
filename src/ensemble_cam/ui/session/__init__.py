"""What one browser session holds, in `st.session_state` and nowhere else.

`films` are its films and the one on the stage, `stage` what the page shows of that; `slot` is an outcome with the work
under way for it, `jobs` the queue for the processor that all sessions share, `reviewing` the work on a film. `networks`
finds and loads classifiers for all sessions. `controls` is what the reader set, `choices` those of it that the server
may change, too; `shown` is what the live viewer was sent, `told` what it said last.
"""
