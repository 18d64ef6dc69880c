"""What is behind and in front of people: painted, photographed and three-dimensional backgrounds; occluders."""
