"""Tracks: where each animal is in each frame, from the files of programs that track body parts.

`poses` is what such a file holds, `formats` reads it, `follow` makes one track of it: the place of one animal in every
frame, and where its head points. `crops` cuts the pictures out along a track.
"""
