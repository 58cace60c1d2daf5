"""A restricted reader of pickles: what checkpoints are made of, and nothing that runs code.

A pickle is a program for a small machine, and some of its instructions call what the file names. Here a name stands
for one of the few harmless functions of names.py, or for nothing at all: calling it makes an inert Object that keeps
the arguments. No module is imported, no foreign method is called, and what a file merely declares to be large takes no
memory. So whatever stands beside the weights, objects of any library, never decides whether they can be read.
"""

from .budget import Budget
from .legacy import is_legacy, read_legacy
from .machine import read_pickle
from .modules import module_attributes, module_state
from .names import ForbiddenNameError
from .numpy_arrays import as_stored
from .values import FileBytes, Name, Object, as_dict, settings

__all__ = [
    "Budget",
    "FileBytes",
    "ForbiddenNameError",
    "Name",
    "Object",
    "as_dict",
    "as_stored",
    "is_legacy",
    "module_attributes",
    "module_state",
    "read_legacy",
    "read_pickle",
    "settings",
]
