"""What each command of `guise harmless` does, as a function with the flags' names as keywords."""
