"""What answers the browser: who may ask, for what, and what pages are told."""
