"""Every badge, seal, tile, banner and heatmap, drawn from a rule and a tier or a seed. No file, request or person."""
