"""The script that Streamlit runs for every visitor and every interaction."""

from adjoin_dashboard.navigation import draw

draw()
