"""How fast the market answers, as ratios against baselines of the same run: `make bench`, docs/reference/bench.md."""
