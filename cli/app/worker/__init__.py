"""What the worker processes do: the same calls of the library as the command line's, with pictures for the page."""
