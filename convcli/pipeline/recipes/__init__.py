"""Recipes: what is done to one picture, made from options."""
