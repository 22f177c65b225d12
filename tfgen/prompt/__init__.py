"""Words to conditions: what a prompt means to a model that learned from labelled or captioned examples."""
