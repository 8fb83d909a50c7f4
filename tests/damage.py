"""Damaged texts: what the tests of thousands of mistakes give to the programs."""

SNIPPETS = [
    b'"', b'{', b'}', b'[', b']', b',', b':', b'null', b'true', b'-1', b'1e999', b'NaN', b'\\ud800',
    b'\0', b'\xff', b'\n', b' ', b'"net"', b'"layers"', b'"CONV1"', b'[[[[', b'9' * 5000, b'0.5',
]  # fmt: skip


def mutated(rng, text):
    """Return `text` with one to four random edits: bytes cut, repeated, changed or put in."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 5, 50)))
        insert = rng.choice(
            (b'', bytes([rng.randrange(256)]), rng.choice(SNIPPETS), text[start:end] * 2)
        )
        text = text[:start] + insert + text[end:]
    return text
