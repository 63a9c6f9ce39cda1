"""The features of each frame: one pass over a video, and the store they are kept in."""
