"""What people ask of a model that they are to trust, such as whom it gives away."""
