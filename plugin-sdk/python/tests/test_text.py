"""Tests of text that the host cannot accept unchanged."""

import json
import unittest

from hookyard._text import unicode, utf8


class Text(unittest.TestCase):
    def test_half_of_a_surrogate_pair_is_replaced(self) -> None:
        for text, expected in [
            ("plain", "plain"),
            ("é 👩", "é 👩"),
            (json.loads(r'"Jean \ud83d"'), "Jean \ufffd"),
            (json.loads(r'"\ude00\ud83d"'), "\ufffd\ufffd"),
            ("\ud83d" + "\ude00", "😀"),
        ]:
            self.assertEqual(unicode(text), expected)
            self.assertEqual(utf8(text), expected.encode())


if __name__ == "__main__":
    unittest.main()
