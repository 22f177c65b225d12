"""What a person likes, learned from picks among samples: directions in what the model sees, and a choice model."""
