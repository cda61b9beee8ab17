"""The review page: one film under review.

`page` puts it together: `sidebar` is what can be set, `live` the viewer with a film and its maps, `stills` the
panels for browsers in which it cannot run, `remarks` what has to be said of a review, `downloads` what leaves, and
`opening` what a reader meets before any film of their own.
"""
