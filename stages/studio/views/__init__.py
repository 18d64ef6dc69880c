"""The views of the drawn parts on which annotators click, and the places of the surface that they show."""
