"""Results for other programs and for later runs: exports, replays, shards, comparisons."""
