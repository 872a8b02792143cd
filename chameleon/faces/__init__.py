"""Faces in photos: where they are, how recognisers embed them, and which of them are the user's."""
