"""Configuration: the YAML loader with line and column errors, and the models of our files."""
