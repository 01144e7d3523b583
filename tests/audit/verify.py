#!/usr/bin/env python3
"""Checks an export of Fairlead's audit log. Written after docs/audit.md alone, with nothing but the standard library.

usage: verify.py EXPORT [--head FILE] [--key HEX]

Prints what is wrong and exits with 1, or prints the root and exits with 0.
"""

import argparse
import hashlib
import json
import sys

FORMAT = "fairlead-audit-1"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def join(roots):
    """Root over complete subtrees that stand side by side, the greatest first."""
    if not roots:
        return sha256()
    right = roots[-1]
    for left in reversed(roots[:-1]):
        right = sha256(b"\x01", left, right)
    return right


class Tree:
    def __init__(self, size, roots):
        if len(roots) != bin(size).count("1"):
            raise ValueError("the first line has another number of subtrees")
        self.size, self.roots = size, roots

    def add(self, line):
        node, size = sha256(b"\x00", line), self.size
        while size & 1:
            node, size = sha256(b"\x01", self.roots.pop(), node), size >> 1
        self.roots.append(node)
        self.size += 1


# Ed25519 (RFC 8032, 5.1): verification, in affine coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y)


def plus(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P
    return (x, y)


def times(scalar, a):
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = plus(total, a)
        a, scalar = plus(a, a), scalar >> 1
    return total


BASE_Y = 4 * pow(5, -1, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y)


def signed(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return times(s, BASE) == plus(r, times(h, a))


def compact(value):
    """JSON as Fairlead writes it: no white space, the order as it was."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def unhex(text):
    if text != text.lower():
        raise ValueError("hexadecimal in capitals")
    return bytes.fromhex(text)


def check_head(head, root, size, key):
    """What is wrong with a tree head, given the root and the number of entries up to here."""
    names = [n for n in ("tree_size", "root_hash", "public_key", "signature") if n in head]
    if len(names) == 3 or (key and len(names) == 2):
        return "the tree head is not signed"
    if head["tree_size"] != size:
        return f"a tree head over {head['tree_size']} entries stands after entry {size}"
    if head["root_hash"] != root.hex():
        return f"the root over {size} entries is another"
    if len(names) == 4:
        if key and head["public_key"] != key:
            return "the tree head is signed with another key"
        bare = compact({"tree_size": head["tree_size"], "root_hash": head["root_hash"]})
        text = f"{FORMAT} {bare}".encode()
        if not signed(unhex(head["public_key"]), text, unhex(head["signature"])):
            return "the signature does not fit"
    return None


def check(export, kept, key):
    """Everything that is wrong with an export, and the root over all of it."""
    if not export.endswith(b"\n"):
        return ["the last line has no end"], None
    lines = export[:-1].split(b"\n")
    header = json.loads(lines[0])
    if compact(header).encode() != lines[0] or header["format"] != FORMAT:
        return ["line 1 is not the first line of an export"], None
    first, last = header["first"], header["head"]["tree_size"]
    previous, wrong, heads, last_head = header["previous_hash"], [], 0, None
    if first < 1 or (previous == "") != (first == 1):
        return ["line 1 is not as it was written"], None
    if first > last and (first, last) != (1, 0):
        return ["line 1 is not as it was written"], None
    tree = Tree(first - 1, [unhex(text) for text in header["subtree_roots"]])

    def kept_heads():
        for head in kept:
            if head["tree_size"] == tree.size:
                problem = check_head(head, join(tree.roots), tree.size, key)
                if problem:
                    wrong.append(f"the head that was kept over {tree.size} entries: {problem}")

    kept_heads()
    for number, line in enumerate(lines[1:], 2):
        if line.startswith(b"{"):
            heads += 1
            head = json.loads(line)
            problem = check_head(head, join(tree.roots), tree.size, key)
            if compact(head).encode() != line or head["tree_size"] == last_head:
                problem = "the tree head is not as it was written"
            if problem:
                wrong.append(f"line {number}: {problem}")
            last_head = head["tree_size"]
            continue
        fields = json.loads(line)
        if len(fields) != 8 or fields[1] != tree.size + 1:
            wrong.append(f"line {number}: entry {tree.size + 1} should be here")
        if fields[0] != previous:
            wrong.append(f"line {number}: it does not follow the line before it")
        previous = hashlib.sha256(line).hexdigest()
        tree.add(line)
        kept_heads()
    if tree.size != last:
        wrong.append(f"the export ends with entry {tree.size}, the first line says {last}")
    if heads != header["heads"]:
        wrong.append(f"{heads} tree heads stand between the entries, the first line says {header['heads']}")
    problem = check_head(header["head"], join(tree.roots), tree.size, key)
    if problem:
        wrong.append(f"line 1: {problem}")
    for head in kept:
        if not first - 1 <= head["tree_size"] <= last:
            wrong.append(f"a head that was kept covers {head['tree_size']} entries, the export is {first} to {last}")
    return wrong, join(tree.roots)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("export")
    arguments.add_argument("--head")
    arguments.add_argument("--key")
    asked = arguments.parse_args()
    kept = []
    if asked.head:
        with open(asked.head, encoding="utf-8") as file:
            kept = [json.loads(line) for line in file if line.strip()]
    with open(asked.export, "rb") as file:
        export = file.read()
    try:
        wrong, root = check(export, kept, asked.key)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        wrong, root = [f"the export cannot be read: {error!r}"], None
    for text in wrong:
        print(text)
    if not wrong:
        print(root.hex())
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
