"""Backbones of the streams: networks that turn an image, or a stack of images, into a vector; one module per family.

A module holds makers, functions from a number of input channels to a backbone and the length of its vector, which the
records of `ethomake.streams.registry` name. All modules of this folder are imported here, whichever is asked for, so
that each of them counts as code of the stages: an edit to a backbone retrains.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
