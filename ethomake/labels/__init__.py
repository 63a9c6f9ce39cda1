"""Label tables and bouts, the formats they come in and their check against the video."""
