"""Writes the seeds of the fuzzed corpus to fuzz/corpus: small sound files of every format, and small hostile ones.

python tools/fuzz_corpus.py        with nothing but Python itself; the files are the same each time
"""

import hashlib
import io
import json
import pathlib
import struct
import tarfile
import zipfile
import zlib

CORPUS = pathlib.Path(__file__).parent.parent / "fuzz" / "corpus"


def write(door, name, content):
    path = CORPUS / door / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


# -- images ---------------------------------------------------------------------------------------------------------

def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth=8, colour=2, rows=None, more=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = (width * depth * channels + 7) // 8
    if rows is None:
        rows = b"".join(b"\0" + bytes((y * 7 + x) % 256 for x in range(row)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + palette + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp(bits, width=5, height=3, compression=0, content=None):
    palette = b"" if bits > 8 else bytes((i * 16) % 256 for i in range(4 << bits))
    row = (width * bits + 31) // 32 * 4
    content = bytes(range(row * height)) if content is None else content
    start = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(content), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(content), 0, 0, start) + header + palette + content


def tiff():
    pixels = bytes(range(48))
    entries = [(256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8),
               (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 1, 48)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


GIF = (b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0;")


def images():
    for depth, colour in [(1, 0), (8, 0), (16, 0), (8, 2), (4, 3), (8, 4), (8, 6)]:
        write("image", f"{depth}-{colour}.png", png(7, 5, depth, colour))
    write("image", "states-much.png", png(13000, 13000, rows=b"\0"))
    write("image", "exif.png", png(2, 2, more=chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")))
    for bits in (1, 4, 8, 16, 24, 32):
        write("image", f"{bits}.bmp", bmp(bits))
    write("image", "runs.bmp", bmp(8, compression=1, content=b"\x05\x01\0\0\0\x03\1\2\3\0\0\2\1\1\x05\x02\0\1"))
    write("image", "plain.tiff", tiff())
    write("image", "two.gif", GIF)
    write("image", "plain.pbm", "P1\n# comment\n3 2\n1 0 1 0 1 0\n")
    write("image", "raw.pgm", b"P5 3 2 255\n" + bytes(6))
    write("image", "deep.ppm", b"P6 1 2 65535\n" + bytes(12))
    write("image", "lossless.webp", b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0")
    jpeg = pathlib.Path(__file__).parent.parent / "crates/potstill-data/tests/fixtures/ramp_8x8.jpg"
    write("image", "ramp.jpg", jpeg.read_bytes())


# -- archives -------------------------------------------------------------------------------------------------------

def tar(members, **options):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue().rstrip(b"\0") + b"\0" * 1024


def tars():
    picture = png(4, 4)
    sound = tar([(f"{split}/{kind}/{i}.png", picture) for split in ("train", "test") for kind in ("a", "b") for i in "01"])
    write("tar", "sound.tar", sound)
    write("tar", "sound.tar.gz", zlib.compress(sound, 9, 31))
    write("tar", "names.tar", tar([("../up/a.png", picture), ("/root/b.png", picture), ("\x1b[2J/c.png", picture), ("a" * 300 + "/d.png", picture)]))
    lie = bytearray(tar([("a/b.png", picture)]))
    lie[124:136] = b"77777777777\0"
    lie[148:156] = b"        "
    lie[148:155] = b"%06o\0" % sum(lie[:512])
    write("tar", "size.tar", bytes(lie))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/0.png", "a/1.png", "b/0.png"):
            archive.writestr(zipfile.ZipInfo(name), picture)
    write("tar", "sound.zip", zipped.getvalue())


def idx():
    def file(kind, sizes, content):
        return bytes([0, 0, 8, kind]) + b"".join(struct.pack(">I", size) for size in sizes) + content

    for name, sizes, content in [("sound", (2, 2, 3), bytes(12)), ("giant", (2**32 - 1,) * 3, b"abc"), ("none", (2, 0, 0), b"")]:
        pictures = file(3, sizes, content)
        write("idx", name, struct.pack(">H", len(pictures)) + pictures + file(1, (2,), b"\0\1"))


# -- pickles --------------------------------------------------------------------------------------------------------

def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def numbers(values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(key="0", stored=4, sizes=(2, 2), steps=(2, 1), kind="FloatStorage"):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu")
            + b"J" + struct.pack("<i", stored) + b"tQK\0" + numbers(sizes) + numbers(steps) + b"\x89ccollections\nOrderedDict\n)RtR")


def dictionary(entries):
    return b"\x80\x02}q\0(" + b"".join(text(name) + value for name, value in entries) + b"u."


def checkpoint(pickle):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [("data.pkl", pickle), ("byteorder", b"little"), ("data/0", struct.pack("<4f", 1, 2, 3, 4)), ("version", b"3\n")]:
            archive.writestr(zipfile.ZipInfo("archive/" + name), content)
    return file.getvalue()


def weights():
    pickles = {
        "sound": dictionary([("fc.weight", tensor()), ("fc.bias", tensor(sizes=(2,), steps=(1,)))]),
        "nested": dictionary([("state_dict", dictionary([("a", tensor())])[2:-1]), ("epoch", b"K\x07")]),
        "half": dictionary([("a", tensor(kind="HalfStorage"))]),
        "expanded": dictionary([("a", tensor(sizes=(1000, 1000, 1000), steps=(0, 0, 0)))]),
        "backwards": dictionary([("a", tensor(steps=(-1, 1)))]),
        "upwards": dictionary([("a", tensor(key="../../etc/passwd"))]),
        "call": b"\x80\x02cposix\nsystem\n" + text("true") + b"\x85R.",
        "deep": b"\x80\x02)" + b"\x85" * 3000 + b".",
        "memo": b"\x80\x02]q\0" + b"(h\0h\0eq\0" * 40 + b".",
    }
    for name, pickle in pickles.items():
        write("pth", f"{name}.pth", checkpoint(pickle))
        write("pth", f"{name}.pkl", pickle)
    old = b"\x80\x02\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}q\0(" + text("little_endian") + b"\x88u."
    write("pth", "old.pth", old + pickles["sound"] + b"\x80\x02]q\0" + text("0") + b"a." + struct.pack("<q4f", 4, 1, 2, 3, 4))

    def safetensors(header, content, length=None):
        header = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(header) if length is None else length) + header + content

    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    door = "safetensors"
    write(door, "sound", safetensors({"a": one, "__metadata__": {"format": "pt"}}, bytes(8)))
    write(door, "half", safetensors({"a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}, bytes(8)))
    write(door, "overlap", safetensors({"a": one, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, bytes(12)))
    write(door, "overflow", safetensors({"a": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}, b""))
    write(door, "header", safetensors({}, b"", 2**63))
    write(door, "scalar", safetensors({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, bytes(4)))
    checkpoints(safetensors)


def checkpoints(safetensors):
    state = {
        "version": 3, "position": {"epoch": 1, "step": 2}, "best": {"epoch": 1, "metrics": {"top1": 54.275, "loss": 1.45}},
        "teachers": {"teacher": {"top1": 85.7, "loss": 0.39}}, "seconds": 14.1, "recipe": "ac1cd6f4",
        "totals": {"images": 40, "loss": 60.5, "terms": [["cross_entropy", 60.5]], "counts": {"top1": 13.0}},
        "origin": {"potstill": "0.1.0", "images": {"training": {"count": 80, "looked_at": 80, "digest": "a31cb40a"}}, "teachers": {"teacher": "2514b4f5"}},
        "student": {"architecture": "cifar_resnet8", "task": "classification", "classes": 2, "class_names": ["disc", "square"],
                    "input": {"size": [16, 16], "preprocess": [], "channels": 3, "mean": [0.5] * 3, "std": [0.24] * 3},
                    "potstill": "0.1.0"},
        "states": {"kd": {"steps": 3}}, "updates": {"student/conv1.weight": 6},
    }
    place = "0" * 64

    def packed(state, digest=True):
        metadata = {"potstill": json.dumps(state), **({"potstill_sha256": place} if digest else {})}
        header = {"__metadata__": metadata, "student/conv1.weight": {"dtype": "F32", "shape": [1, 1, 1, 2], "data_offsets": [0, 8]}}
        return safetensors(json.dumps(header, separators=(",", ":")).encode(), struct.pack("<2f", 0.5, -1.5))

    def digested(file):
        return file.replace(place.encode(), hashlib.sha256(file).hexdigest().encode())

    sound = digested(packed(state))
    write("checkpoint", "run", sound)
    write("checkpoint", "run-changed", sound[:-1] + b"\0")
    write("checkpoint", "run-newer", digested(packed({**state, "version": 99})))
    write("checkpoint", "run-without-digest", packed(state, digest=False))
    # Without a digest a change does not end at it.
    write("checkpoint", "run-of-version-2", packed({**state, "version": 2}, digest=False))
    write("checkpoint", "run-of-nothing", packed({}, digest=False))


def cifar():
    data = bytes(3072)
    array = (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\n(U\x02u1K\0K\x01tR"
             b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T\x00\x0c\0\0" + data + b"tb")
    write("cifar", "batch.pkl", b"\x80\x02}(U\x06labels](K\x03eU\x04data" + array + b"u.")
    write("cifar", "batch.bin", b"\x03" + data)
    write("cifar", "call.pkl", b"\x80\x02cos\nsystem\n(U\x02lstR.")
    write("cifar", "deep.pkl", b"\x80\x02" + b"]" * 50 + b"a" * 49 + b".")


# -- texts ----------------------------------------------------------------------------------------------------------

RECIPE = """version = 1
name = "plain"
seed = 7
[data]
train = "shapes:size=16,train=80,test=40,classes=4"
augment = ["flip", { kind = "pad-crop", pad = 2 }]
[student]
model = "cifar_resnet8"
[teacher]
run = "runs/teacher"
[train]
batch = 20
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
schedule = { kind = "cosine", warmup_epochs = 1 }
[[train.phases]]
name = "one"
epochs = 4
[[methods]]
kind = "kd"
temperature = 4
"""


def texts():
    write("recipe", "sound.toml", RECIPE)
    write("recipe", "escape.toml", RECIPE.replace("cifar_resnet8", "\\u001b[2J"))
    write("recipe", "override.toml", 'train.epochs=3\nmethods=[{ kind = "tst" }]\n')
    write("recipe", "deep.toml", "a = " + "[" * 500 + "]" * 500)
    write("recipe", "large.toml", RECIPE.replace("80", "18446744073709551616").replace("0.05", "nan"))
    measured = {"top1": 54.275, "loss": 1.4512603705224123}
    row = {"schema_version": 2, "epoch": 1, "phase": "one", "step": 4, "lr": 0.0997, "seconds": 14.148814735,
           "images_per_second": 1454.8984649706122,
           "train": {"loss": 15.112, "metrics": {"top1": 39.73}, "terms": {"cross_entropy": 1.7147551847574038, "kd": 6.698633026618224}},
           "test": measured}
    write("metrics", "rows", json.dumps(row) + "\n" + json.dumps({**row, "epoch": 2, "step": 8}) + "\n")
    write("metrics", "torn", json.dumps(row)[:40])
    headline = {"name": "top1", "label": "top-1", "family": "accuracy", "unit": "percent", "higher_is_better": True}
    loss = {"name": "loss", "label": "loss", "family": "loss", "unit": "nats", "higher_is_better": False}
    images = "shapes:size=16,train=80,test=40,classes=4"
    summary = {
        "schema_version": 2, "name": "plain", "seed": 7, "task": "classification", "metrics": {"headline": headline, "others": [loss]},
        "potstill": "0.1.0", "recipe_hash": "ac1cd6f4", "student": {"model": "cifar_resnet8", "params": 75290, "macs": 3060352},
        "teachers": [{"name": "teacher", "model": "cifar_resnet20", "params": 269722, "macs": 10138240, "metrics": {"top1": 85.7}}],
        "methods": ["kd"], "data": {"train": images, "test": images, "train_images": 80, "test_images": 40, "classes": 4},
        "epochs": 2, "best": {"epoch": 2, "metrics": measured}, "last": {"epoch": 2, "metrics": measured}, "seconds": 28.3,
        "finished": True, "threads": 2, "step_ms_median": 41.3, "peak_rss_mb": 166.2,
        "details": {"by_class": [{"class": "disc", "images": 10, "accuracy": 67.0}]},
    }
    write("metrics", "summary", json.dumps(summary))
    write("metrics", "deep", "[" * 5000 + "\n")


# -- ONNX -----------------------------------------------------------------------------------------------------------

def varint(number):
    number %= 1 << 64
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def whole(field, number):
    return varint(field << 3) + varint(number)


def part(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def value(field, name, shape):
    dims = b"".join(part(1, whole(1, size) if size else b"") for size in shape)
    return part(field, part(1, name) + part(2, part(1, whole(1, 1) + part(2, dims))))


def node(kind, inputs, output, *attributes):
    fields = [part(1, name) for name in inputs] + [part(2, output), part(4, kind)] + [part(5, attribute) for attribute in attributes]
    return part(1, b"".join(fields))


def ints(name, values):
    return part(1, name) + b"".join(whole(8, v) for v in values) + whole(20, 7)


def weight(name, kind, sizes, content):
    return part(5, b"".join(whole(1, size) for size in sizes) + whole(2, kind) + part(8, name) + part(9, content))


def sizes(name, values):
    return weight(name, 7, [len(values)], struct.pack(f"<{len(values)}q", *values))


def network(*parts, images=(0, 1, 8, 8)):
    graph = b"".join(parts) + value(11, "x", images) + value(12, "y", (0, 4))
    return whole(1, 8) + part(8, part(1, "") + whole(2, 17)) + part(7, graph)


def onnx():
    flat = node("Flatten", ["x"], "flat")
    head = weight("w", 1, [64, 4], bytes(1024)) + node("MatMul", ["flat", "w"], "y")
    write("onnx", "sound.onnx", network(flat, head))
    convolution = weight("k", 1, [2, 1, 3, 3], bytes(72)) + node("Conv", ["x", "k"], "c", ints("pads", [1, 1, 1, 1]))
    rest = node("Relu", ["c"], "r") + node("MaxPool", ["r"], "p", ints("kernel_shape", [2, 2]), ints("strides", [2, 2]))
    tail = node("GlobalAveragePool", ["p"], "g") + node("Flatten", ["g"], "f") + weight("w", 1, [2, 4], bytes(32))
    write("onnx", "convolution.onnx", network(convolution, rest, tail, node("Gemm", ["f", "w"], "y")))
    tera = 1 << 40
    write("onnx", "constant.onnx", network(sizes("s", [tera, 4]), node("ConstantOfShape", ["s"], "y")))
    write("onnx", "range.onnx", network(sizes("a", [0]), sizes("b", [tera]), sizes("c", [1]), node("Range", ["a", "b", "c"], "y")))
    wrapping = [weight(name, 7, [], struct.pack("<q", number)) for name, number in (("a", 0), ("b", (1 << 31) - 1), ("c", 1 << 30))]
    write("onnx", "range-wraps.onnx", network(*wrapping, node("Range", ["a", "b", "c"], "y")))
    write("onnx", "pad.onnx", network(sizes("p", [0] * 7 + [1 << 30]), node("Pad", ["x", "p"], "y")))
    write("onnx", "tile.onnx", network(sizes("s", [1, 1, 1 << 20, 1 << 20]), node("Tile", ["x", "s"], "y")))
    write("onnx", "resize.onnx", network(sizes("s", [1, 1, 1 << 20, 9]), node("Resize", ["x", "", "", "s"], "y")))
    write("onnx", "expand.onnx", network(sizes("s", [1 << 20, 1, 8, 8]), node("Expand", ["x", "s"], "e"), node("Gather", ["e", "s"], "y")))
    write("onnx", "circle.onnx", network(node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b"), node("Flatten", ["a"], "y")))
    write("onnx", "giant.onnx", network(weight("w", 1, [tera, tera], b""), node("MatMul", ["x", "w"], "y")))
    write("onnx", "batch.onnx", network(flat, head, images=(tera, 1, 8, 8)))
    body = part(1, "body") + part(6, node("Identity", ["x"], "z")) + whole(20, 5)
    write("onnx", "loop.onnx", network(sizes("n", [1 << 62]), node("Loop", ["n", "", "x"], "y", body)))
    write("onnx", "if.onnx", network(node("If", ["c"], "y", body)))
    branch = b"".join([node("Relu", ["flat"], "r"), node("Identity", ["r"], "z"), value(12, "z", (0, 64))])
    branches = [part(1, name) + part(6, branch) + whole(20, 5) for name in ("then_branch", "else_branch")]
    condition = weight("c", 9, [], b"\1")
    write("onnx", "branches.onnx", network(condition, flat, node("If", ["c"], "chosen", *branches), node("Identity", ["chosen"], "y")))
    write("onnx", "twice.onnx", network(sizes("s", [1]), sizes("s", [tera]), node("ConstantOfShape", ["s"], "y")))
    write("onnx", "sequence.onnx", network(flat, node("SequenceConstruct", ["flat", "flat"], "y")))
    inner = b""
    for _ in range(60):
        inner = node("If", ["c"], "y", part(1, "body") + part(6, inner))
    write("onnx", "nested.onnx", network(inner))
    write("onnx", "length.onnx", varint(7 << 3 | 2) + varint(1 << 56))
    write("onnx", "inner-length.onnx", part(7, part(5, varint(9 << 3 | 2) + varint(1 << 56))))
    external = part(13, part(1, "location") + part(2, "/dev/zero"))
    write("onnx", "external.onnx", network(part(5, whole(1, 9) + whole(2, 1) + part(8, "w") + external + whole(14, 1)), flat))


if __name__ == "__main__":
    for make in (images, tars, idx, weights, cifar, texts, onnx):
        make()
