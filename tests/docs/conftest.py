"""The documents' commands run against real nodes; how those start stands in tests/api."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, *(os.path.join(HERE, '..', one) for one in ('api', 'tools'))):
    sys.path.insert(0, folder)

from fixtures import *  # noqa: E402,F401,F403
