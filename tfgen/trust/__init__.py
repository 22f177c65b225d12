"""What people ask of a model that they are to trust: whom it may give away, where its samples come from, what it costs."""
