"""The long tests use the fixtures of the black-box tests."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'api'))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'tools'))

from fixtures import *  # noqa: E402,F401,F403
