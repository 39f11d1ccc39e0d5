"""Demonstration people and trades: the same seed and date give the same rows, PIN hashes apart."""
