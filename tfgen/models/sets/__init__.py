"""Models of sets: a network and EASE, each of which scores all items for what is given, and the blend of the two."""
