"""The same verbs in a browser: a server with a JSON interface, and one page that is its client. No logic of its own."""
