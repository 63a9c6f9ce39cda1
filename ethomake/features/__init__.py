"""The features of each frame: their extraction in one pass over a video, and their store."""
