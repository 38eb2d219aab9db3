"""A city that does not exist: its plan by seed, and the files of simulator, centre and gateways."""
