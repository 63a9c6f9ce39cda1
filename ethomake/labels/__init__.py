"""Label tables and bouts, the formats they come in, their check against the video, and splits."""
