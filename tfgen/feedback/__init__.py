"""What people said of samples: kept for good, and read back as preferences that models learn from."""
