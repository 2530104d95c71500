"""Loops over plain arrays: numpy and numba, nothing else."""
