"""The Ray side of a run: the cluster, the actors of lanes, the actor pool, and the runner."""
