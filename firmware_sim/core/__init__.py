"""The pure part of the simulator: physics, codec, register maps, faults, line timing. Time is an argument."""
