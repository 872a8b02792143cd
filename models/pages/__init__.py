"""Report pages: one file of HTML each, which needs no other file and opens no connection."""
