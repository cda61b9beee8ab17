"""The browser app: `streamlit run app.py`, or `ensemble-cam app` from anywhere."""

import streamlit as st

from ensemble_cam.ui.launch import page_script
from ensemble_cam.ui.web.serving import browser_opened, guards, say_fault

app = st.App(
    page_script(),
    lifespan=browser_opened,
    middleware=guards(),
    exception_handlers={Exception: say_fault},
)
