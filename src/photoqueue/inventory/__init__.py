"""Inventory: the catalogue of things that movers list, and adding up the photos of a project."""
