"""From raw videos to exact frames: decode frame by frame, crop, scale, store as JPEGs with an index.

The index of a frame is its position in a sequential decode, counted once, here. No later stage opens the raw video.
`probe` reads codec, size and packets of a file, `coding` finds the pictures in the packets, `decode` reads its frames
and finds damage, `frames` is the frame store, `times` handles the time stamps, and `ingest` combines them.
"""
