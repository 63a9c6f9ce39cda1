"""Raw videos in, exact frames out: decode frame by frame, crop, scale, keep as JPEGs with an index.

The index of a frame is its position in a sequential decode, counted once, here. No later stage opens the raw video.
`probe` finds out what a file is, `decode` reads its frames and finds damage, `frames` is the frame store, `times` the
time stamps, and `ingest` puts them together.
"""
