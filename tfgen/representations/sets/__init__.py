"""Sets of items out of many, such as baskets: asked for by some of their items, answered by a ranking of the others."""
