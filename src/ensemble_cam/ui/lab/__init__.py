"""The phantom lab: films whose truth is known, for learning how far maps can be trusted.

`page` puts it together; `work` draws and reviews films in the background, `state` is what a session holds of them,
`blind` (with `marker`) asks the reader first, `panels` and `table` show truth and maps, `tally` keeps count.
"""
