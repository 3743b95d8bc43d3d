"""Every badge, seal, tile, banner and heatmap, drawn from a rule and a tier or from a seed. No file, no request, no person."""
