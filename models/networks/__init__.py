"""Architectures of recognisers, and what makes them fast once their weights are fixed."""
