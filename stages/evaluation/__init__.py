"""Evaluation: data sets with ground truth, protocols, measures, and tables and images of scores."""
