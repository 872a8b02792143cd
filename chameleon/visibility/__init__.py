"""How visible a change of a face is to people, and how visible it may be."""
