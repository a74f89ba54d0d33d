"""The layers that hold a student's process: standard library and ctypes only."""
