"""The state of the page's tabs, on the server's side. None of this imports torch."""
