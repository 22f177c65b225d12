"""Stands before scikit-learn in processes that tests start: tfgen does not bring it, and Keras loads it where it is."""

raise ImportError("scikit-learn is not what tfgen installs")
