"""Who may ask the app's server, and what each of its answers says to a browser.

`hosts` knows the names that the app answers to, `login` whose name a proxy hands on, `oidc` what Streamlit's own login
needs, `headers` what stands at the head of every answer, `guard` refuses the rest before Streamlit sees it, `patches`
is all that is replaced inside Streamlit, `serving` what `app.py` hands to it.
"""
