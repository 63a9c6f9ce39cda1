"""The sequence model: networks over the features of a video, their training and inference."""
