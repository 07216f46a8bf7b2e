"""Engines that analyse photos: the contract, the built-in model, detectors, vision models."""
