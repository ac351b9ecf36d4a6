"""Writes tests/grpc/hpack.txt: header blocks, and what PyPI's `hpack` reads in them.

    python tests/grpc/hpack_oracle.py > tests/grpc/hpack.txt

src/grpc/tests/hpack.rs holds our decoder to it. The same seed and the same version of hpack give the same file. Lines:

    connection        an empty table
    block HEX         a header block of that connection
    field NAME VALUE  a field in it, both in hexadecimal, `-` for nothing
    table SIZE COUNT  the dynamic table behind it
    broken            the block is an error; the connection ends with it
"""

import random
import sys

import hpack
from hpack import huffman_constants
from hpack.huffman import HuffmanEncoder

NAMES = [
    ":method", ":scheme", ":path", ":authority", ":status", ":unknown", "content-type", "te", "grpc-encoding",
    "content-length", "user-agent", "x-probe", "grpc-status", "connection", "keep-alive", "proxy-connection",
    "transfer-encoding", "upgrade", "accept-encoding", "grpc-timeout", "x", "Upper", "a:b", "a b", "", "cookie",
    "grpc-accept-encoding", "\x7f", "traceparent",
]
VALUES = [
    "POST", "GET", "", "/", "/index.html", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Watches", "/grpc.health.v1.Health/", "http", "https",
    "application/grpc", "application/grpc+proto", "application/grpc;x", "application/grpcx", "application/json",
    "trailers", "Trailers", "identity", "gzip", "0", "5", "007", "+5", "-1", "999999999", "1000000000", "12a", "200",
    "404", "500", "16", "kube-probe/1.34 grpc-go/1.72.1", "grpc-python/1.85.0 grpc-c/53.0.0 (linux; chttp2)",
    " leading", "trailing ", "tab\t", "new\nline", "nul\0", "cr\r", "in the middle", "gzip, deflate", "998363u",
    "localhost:8080", "x" * 63, "x" * 64, "x" * 65, "\xff\xfe", "close",
]

dice = random.Random(7541)
huffman = HuffmanEncoder(huffman_constants.REQUEST_CODES, huffman_constants.REQUEST_CODES_LENGTH)


def integer(value, bits, first):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytearray([first | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(octets):
    if dice.random() < 0.5:
        coded = huffman.encode(octets)
        return integer(len(coded), 7, 128) + coded
    return integer(len(octets), 7, 0) + octets


def text():
    kind = dice.random()
    if kind < 0.85:
        return dice.choice(VALUES).encode("latin-1")
    length = dice.randrange(900) if kind > 0.997 else dice.randrange(30)
    return bytes(dice.randrange(256) for _ in range(length))


def representation(entries):
    """Any of the forms of a field, some of which refer to what is not there."""
    index = dice.randrange(1, 62 + entries + (dice.random() < 0.01))
    if dice.random() < 0.4:
        return integer(index, 7, 128)
    bits, first = dice.choice([(6, 64), (6, 64), (4, 0), (4, 16)])
    if dice.random() < 0.5:
        return integer(index, bits, first) + string(text())
    name = dice.choice(NAMES).encode("latin-1") if dice.random() < 0.9 else text()
    return integer(0, bits, first) + string(name) + string(text())


def hexadecimal(octets):
    return octets.hex() or "-"


def raw(field):
    return [part.encode("latin-1") if isinstance(part, str) else part for part in (field[0], field[1])]


def read(decoder, block):
    """Prints the block and what it comes to; False where it is an error."""
    print("block", hexadecimal(block))
    try:
        fields = decoder.decode(block, raw=True)
    except (hpack.HPACKError, UnicodeDecodeError):
        print("broken")
        return False
    for field in fields:
        print("field", *map(hexadecimal, raw(field)))
    table = decoder.header_table
    print("table", table._current_size, len(table.dynamic_entries))
    return True


def connection(make, blocks):
    print("connection")
    decoder = hpack.Decoder()
    for _ in range(blocks):
        if not read(decoder, make(decoder)):
            break


def well_formed(_):
    fields = [(dice.choice(NAMES).encode("latin-1") or b"y", text()) for _ in range(dice.randrange(1, 9))]
    if dice.random() < 0.1:
        encoder.header_table_size = dice.choice([0, 64, 400, 4096])
    return encoder.encode(fields, huffman=dice.random() < 0.7)


def any_form(decoder):
    entries = len(decoder.header_table.dynamic_entries)
    sizes = b"".join(integer(dice.choice([0, 100, 4096, 4097][: 4 if dice.random() < 0.1 else 3]), 5, 32) for _ in range(2 * (dice.random() < 0.1)))
    return sizes + b"".join(representation(entries) for _ in range(dice.randrange(1, 9)))


def broken(decoder):
    block = bytearray(any_form(decoder))
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(block))
        what = dice.random()
        if what < 0.4:
            block[at] ^= 1 << dice.randrange(8)
        elif what < 0.6:
            block[at] = dice.choice([0, 0x0F, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF])
        elif what < 0.8:
            del block[at:]
        else:
            block.insert(at, dice.randrange(256))
        if not block:
            return b"\x80"
    return bytes(block)


if __name__ == "__main__":
    for line in __doc__.splitlines()[:1] + [f"hpack {hpack.__version__}"]:
        print("#", line)
    for _ in range(6):
        encoder = hpack.Encoder()
        connection(well_formed, 8)
    for _ in range(14):
        connection(any_form, 6)
    for _ in range(120):
        connection(broken, 3)
    sys.stdout.flush()
