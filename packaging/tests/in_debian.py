#!/usr/bin/env python3
"""Runs the tests of the package beside this, or those that are named, as ../test.sh does."""

import sys
import unittest

names = sys.argv[1:] or ["package_test", "repository_test", "systemd_test"]
ran = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromNames(names))
wrong = len(ran.failures) + len(ran.errors)
print(f"{ran.testsRun - wrong} passed, {wrong} failed", flush=True)
sys.exit(1 if wrong or not ran.testsRun else 0)
