"""Tests of the decoder on generated samples: it tells every pattern from every other, on a busy host too."""

import random
import unittest

from .led import SAMPLE_SECONDS, decode, runs

FLASH = [(True, 0.2), (False, 0.2)]


def flashes(count):
    return FLASH * (count - 1) + [(True, 0.2), (False, 1.2)]


PATTERNS = {
    "fast blink": [(True, 0.1), (False, 0.1)],
    "on": [(True, 1.0)],
    "dark": [(False, 1.0)],
    "on with short gaps": [(True, 1.8), (False, 0.2)],
    **{f"{count} flashes": flashes(count) for count in range(2, 9)},
}


def sampled(pattern, seconds, chance, late=0.0, before=()):
    """Samples of a lamp that shows `before` once and then repeats a pattern, seen by a sampler that is sometimes late."""
    edges, moment = [], 0.0
    shapes = list(before)
    while moment < seconds:
        lit, length = shapes.pop(0) if shapes else pattern[len(edges) % len(pattern)]
        edges.append((moment, lit))
        moment += length * chance.uniform(0.9, 1.1)
    samples, moment = [], 0.0
    while moment < seconds:
        samples.append((moment, [lit for start, lit in edges if start <= moment][-1]))
        moment += SAMPLE_SECONDS + (chance.uniform(0, late) if chance.random() < 0.1 else 0)
    return samples


class Decoding(unittest.TestCase):
    def test_every_pattern_is_told_from_every_other(self):
        for name, pattern in PATTERNS.items():
            for seed in range(20):
                with self.subTest(name, seed=seed):
                    samples = sampled(pattern, 14, random.Random(seed), late=0.04)
                    self.assertEqual(decode(runs(samples)), name)

    def test_the_end_counts_not_the_beginning(self):
        before = flashes(4) * 3
        for name, pattern in PATTERNS.items():
            with self.subTest(name):
                samples = sampled(pattern, 25, random.Random(1), before=before)
                self.assertEqual(decode(runs(samples)), name)

    def test_nothing_is_claimed_too_early(self):
        self.assertIsNone(decode(runs([])))
        for name, pattern in PATTERNS.items():
            with self.subTest(name):
                self.assertIsNone(decode(runs(sampled(pattern, 0.8, random.Random(1)))))

    def test_a_flash_too_many_is_not_overlooked(self):
        alternating = flashes(4) + flashes(5)
        self.assertIsNone(decode(runs(sampled(alternating, 30, random.Random(1)))))


if __name__ == "__main__":
    unittest.main()
