"""A trained project as one folder, which another project applies to its videos without any training."""
