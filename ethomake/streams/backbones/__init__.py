"""Backbones of the streams: networks that turn an image, or a stack of images, into a vector; one module per family.

Each module has functions that take the number of input channels and return a backbone and the length of its vector;
the records of `ethomake.streams.registry` refer to them. All modules of this folder are imported here, whichever is
needed, so that each of them counts as code of the stages: an edit to a backbone retrains.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
