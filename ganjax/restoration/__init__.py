"""Restoration: networks that make a degraded image better, at work on files, and measured."""
