"""The script that Streamlit runs anew at every change of a page; `app.py` names it."""

from ensemble_cam.ui.page import show_page

show_page()
