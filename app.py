"""The browser app: `streamlit run app.py`, or `ensemble-cam app` from anywhere."""

from ensemble_cam.ui.page import show_page

show_page()
