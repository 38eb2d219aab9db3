"""`make demo`: a small city on one machine, its dusk 20 seconds away, and an account of every reading."""
