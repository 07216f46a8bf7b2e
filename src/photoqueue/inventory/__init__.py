"""Inventory: the catalogue of things movers know, and the adding-up of a project's photos."""
