import unittest

import plugin
from hookyard import test


class Plugin(unittest.TestCase):
{{tests}}
