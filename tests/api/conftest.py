"""Lets pytest find the modules and the fixtures of this folder."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(HERE, '..', 'tools')):
    sys.path.insert(0, folder)

from fixtures import *  # noqa: E402,F401,F403
