"""The page *Archive*: films from the hospital's archive into the list of films, and results back.

`offered` says whether there is such a page, `work` does what its buttons ask for, `page` shows it.
"""
