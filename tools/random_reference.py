"""The random streams of crates/potstill-random, computed again in plain Python from their definition.

    python tools/random_reference.py [SEED NAME COUNTER ...]

Needs: nothing. Prints eight draws below 1000 of the stream, as JSON. Without arguments it takes the stream
that the test `draws_stay_the_same_for_ever` records: seed 42, name student.init, counter 0.

Key: FNV-1a of the name, xor the seed, through SplitMix64's output function with each counter, then four
more rounds. Generator: ChaCha with 8 rounds (Bernstein 2008), 64-bit block counter from 0 and a zero nonce,
words read in order.
"""

import json
import struct
import sys

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


def fnv1a(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & U64
    return value


def mix(state):
    z = (state + 0x9E3779B97F4A7C15) & U64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & U64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & U64
    return z ^ (z >> 31)


def key_of(seed, name, counters):
    state = mix(seed ^ fnv1a(name))
    for counter in counters:
        state = mix(state ^ mix(counter))
    key = b""
    for _ in range(4):
        state = mix(state)
        key += struct.pack("<Q", state)
    return key


def quarter_round(x, a, b, c, d):
    for into, add, turn, distance in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[into] = (x[into] + x[add]) & U32
        turned = x[turn] ^ x[into]
        x[turn] = (turned << distance | turned >> (32 - distance)) & U32


COLUMNS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
DIAGONALS = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def chacha_block(key, block, rounds):
    """Sixteen 32-bit words."""
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<QQ", block, 0))
    x = list(start)
    for _ in range(rounds // 2):
        for quarter in COLUMNS + DIAGONALS:
            quarter_round(x, *quarter)
    return [(a + b) & U32 for a, b in zip(x, start)]


def stream(seed, name, counters):
    """64-bit numbers, the low word first."""
    key, block = key_of(seed, name, counters), 0
    while True:
        words = chacha_block(key, block, 8)
        for low, high in zip(words[::2], words[1::2]):
            yield low | high << 32
        block += 1


def self_test():
    """The published first block for a zero key.

    ChaCha20: RFC 8439, appendix A.1. ChaCha8: draft-strombergson-chacha-test-vectors, TC1.
    """
    for rounds, first in ((20, "76b8e0ada0f13d90405d6ae55386bd28"), (8, "3e00ef2f895f40d67f5bb8e81f09a5a1")):
        assert (
            struct.pack("<4I", *chacha_block(bytes(32), 0, rounds)[:4]).hex() == first
        ), f"ChaCha{rounds} is wrong"


def main():
    self_test()
    seed, name, *counters = sys.argv[1:] or ["42", "student.init", "0"]
    draws = stream(int(seed), name, [int(counter) for counter in counters])
    print(json.dumps([next(draws) * 1000 >> 64 for _ in range(8)]))


if __name__ == "__main__":
    main()
