"""How well recognisers still match protected photos, and how much the errors of recognisers overlap."""
