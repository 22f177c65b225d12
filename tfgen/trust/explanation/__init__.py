"""Why a run makes what it makes: one engine for each representation, and what of it a random model would say too."""
