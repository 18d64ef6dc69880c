"""Ray's side of a run: the cluster, the actors of lanes and the crew that holds them."""
