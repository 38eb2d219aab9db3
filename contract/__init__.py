"""What edge and centre agree on: types, topics, wire format v1, commands. Imports nothing of ours."""
