"""Conventions: how a log writes down what happened, recognized and translated into ours."""
