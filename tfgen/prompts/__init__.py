"""Prompts that one keeps: templates, their versions, their tests, and the search for better ones."""
