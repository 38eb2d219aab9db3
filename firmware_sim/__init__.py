"""Simulated field devices: lighting cabinets as physics behind Modbus registers, on pty and TCP lines."""
