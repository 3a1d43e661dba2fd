"""What ATen's functions do to shapes, and which operations they are: a module a family.

Each rule is a function of a `Step`, registered for the names of ATen's functions, without overloads.
"""
