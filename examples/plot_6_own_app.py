"""
A review in an app of your own
==============================

A Streamlit app of twenty lines that reviews a film. Here it is tried without a browser; you would put it into a file
and start it with ``streamlit run my_app.py``.
"""

import sys

import matplotlib.pyplot as plt
from streamlit.logger import set_log_level
from streamlit.testing.v1 import AppTest

import ensemble_cam as ec

APP = """
import streamlit as st

import ensemble_cam as ec

st.title("Where did the networks look?")
seed = st.number_input("Phantom", min_value=0, value=4)
upload = st.file_uploader("or a film", type=None)
film = upload.getvalue() if upload else ec.draw_phantom(seed=int(seed), size=320)
try:
    # Not in st.cache_data, which all sessions share: a film belongs to one.
    review = ec.review(film, set="teaching", top_k=1)
except ec.RadiographError as error:
    st.error(str(error))
    st.stop()
for caution in review.cautions:
    st.warning(caution)
(finding,) = review.findings
st.subheader(f"{finding}: {review.calls.loc[finding, 'ensemble']}")
st.image(review.overlay(finding))
st.dataframe(review.scores.round(2))
"""

# %%
# ``review.overlay`` carries its words below the film: which networks, which method, what it is for. An app of your own
# then says it, too.

set_log_level("error")  # it would miss a browser
main = sys.modules["__main__"]  # Streamlit puts the app in its place
app = AppTest.from_string(APP, default_timeout=60).run()
sys.modules["__main__"] = main
assert not app.exception
print(app.subheader[0].value)
print(app.dataframe[0].value["ensemble"].head(3))

# %%
# What the app shows as its picture:

review = ec.review(ec.draw_phantom(seed=4, size=320), set="teaching", top_k=1)
overlay = review.overlay(review.findings[0])
plt.figure(figsize=(overlay.width / 60, overlay.height / 60), layout="constrained")
plt.imshow(overlay)
plt.axis("off")
