"""Bundles: a trained project as one folder, which another project applies to its videos without training."""
