"""The verbs: one function and one transaction for each thing that people do. No Flask here, no SQL models outward."""
