"""The graph: configuration, plan, schedule, workers and runners. Knows nothing of networks or pixels."""
