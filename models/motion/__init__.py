"""Motions of the open body between fit and file: smoothing, upright, floor, feet, joint angles, and their measures."""
