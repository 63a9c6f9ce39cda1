"""Label tables and bouts, the formats of label files and their check against the video."""
