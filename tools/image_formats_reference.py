"""Small files of every image format that is read, with Pillow's `convert("RGB")` of them, for potstill-data/tests/image_formats.rs.

    .venv/bin/python tools/image_formats_reference.py
"""

import io
import struct

import numpy as np
import PIL
import reference_json
from PIL import Image

HEIGHT, WIDTH = 5, 7


def tones(channels, shift=0):
    """Every pixel and channel another value."""
    y, x, c = np.ogrid[:HEIGHT, :WIDTH, :channels]
    return ((37 * x + 53 * y + 91 * c + 11 * x * y + shift) % 256).astype(np.uint8)


def picture(mode):
    if mode == "1":
        return Image.fromarray(tones(1)[..., 0]).point(lambda value: 255 * (value > 127)).convert("1")
    if mode == "P":
        image = Image.fromarray(tones(1)[..., 0] % 5, "P")
        image.putpalette([200, 10, 20, 30, 220, 40, 50, 60, 240, 5, 5, 5, 250, 251, 252])
        return image
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = tones(channels)
    return Image.fromarray(values if channels > 1 else values[..., 0], mode)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def bmp(bits, compression, data, height=HEIGHT, palette=b"", masks=b""):
    """A Windows bitmap of any kind: Pillow writes few of them."""
    offset = 14 + 40 + len(masks) + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 2835, 2835, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + palette + data


def rows(values, width):
    """Rows of bytes, each filled up to a multiple of four bytes."""
    return b"".join(row + bytes(-len(row) % 4) for row in (bytes(values[y])[:width] for y in range(len(values))))


def bitmaps():
    sixteen = (tones(1)[..., 0].astype(np.uint16) * 257 % 65521).astype("<u2")
    two_bytes = rows([line.tobytes() for line in sixteen], 2 * WIDTH)
    shades = bytes(b for shade in range(16) for b in (shade * 16, shade * 3, 255 - shade * 9, 0))
    nibbles = rows([bytes([0x12 * (y + 1) % 256, 0x3F, 0x80 + y, 0x70]) for y in range(HEIGHT)], 4)
    runs = b"".join(bytes([4, y, 0, 3, y + 1, y + 2, y + 3, 0, 0, 0]) for y in range(HEIGHT)) + b"\0\1"
    runs4 = b"".join(bytes([5, 0x12 + y, 2, 0x3F, 0, 0]) for y in range(HEIGHT)) + b"\0\1"
    masks565 = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    four = rows([line.tobytes() for line in tones(4)], 4 * WIDTH)
    return {
        "bmp rgb": saved(picture("RGB"), "bmp"),
        "bmp palette": saved(picture("P"), "bmp"),
        "bmp grey": saved(picture("L"), "bmp"),
        "bmp black and white": saved(picture("1"), "bmp"),
        "bmp from the top": bmp(24, 0, rows([line.tobytes() for line in tones(3)], 3 * WIDTH), height=-HEIGHT),
        "bmp 4 bits": bmp(4, 0, nibbles, palette=shades),
        "bmp 16 bits": bmp(16, 0, two_bytes),
        "bmp 16 bits, 565": bmp(16, 3, two_bytes, masks=masks565),
        "bmp 32 bits": bmp(32, 0, four),
        "bmp with alpha": saved(picture("RGBA"), "bmp"),
        "bmp runs": bmp(8, 1, runs, palette=shades),
        "bmp runs of 4 bits": bmp(4, 2, runs4, palette=shades),
    }


def tiff(values, photometric, big=False, extra=(), planar=1):
    """An uncompressed TIFF file of 16-bit or 8-bit values, which Pillow does not write in every mode."""
    order = ">" if big else "<"
    height, width, channels = values.shape
    stored = values if planar == 1 else np.moveaxis(values, 2, 0)
    data = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    bits = 8 * values.dtype.itemsize
    wide = struct.pack(f"{order}{channels}H", *[bits] * channels)
    count = 1 if planar == 1 else channels
    at = 8 + len(wide) + 8 * count
    part = len(data) // count
    offsets = struct.pack(f"{order}{count}I", *[at + index * part for index in range(count)])
    counts = struct.pack(f"{order}{count}I", *[part] * count)
    entry = lambda tag, kind, n, value: struct.pack(f"{order}HHI", tag, kind, n) + value
    short = lambda value: struct.pack(f"{order}HH", value, 0)
    long = lambda value: struct.pack(f"{order}I", value)
    listed = lambda place, packed, n: long(place) if n > 1 else packed
    bits_value = short(bits) if channels == 1 else struct.pack(f"{order}HH", bits, bits) if channels == 2 else long(8)
    entries = [
        entry(256, 3, 1, short(width)),
        entry(257, 3, 1, short(height)),
        entry(258, 3, channels, bits_value),
        entry(259, 3, 1, short(1)),
        entry(262, 3, 1, short(photometric)),
        entry(273, 4, count, listed(8 + len(wide), offsets, count)),
        entry(277, 3, 1, short(channels)),
        entry(278, 3, 1, short(height)),
        entry(279, 4, count, listed(8 + len(wide) + 4 * count, counts, count)),
        entry(284, 3, 1, short(planar)),
        *(entry(338, 3, 1, short(kind)) for kind in extra),
    ]
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + long(0)
    start = (b"MM\0*" if big else b"II*\0") + long(at + len(data))
    return start + wide + offsets + counts + data + directory


def tiffs():
    wide = tones(3).astype(np.uint16) * 257 ^ 0x21
    found = {f"tiff {mode}": saved(picture(mode), "tiff") for mode in ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]}
    for method in ["tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        found[f"tiff {method}"] = saved(picture("RGB"), "tiff", compression=method)
    found["tiff palette, tiff_lzw"] = saved(picture("P"), "tiff", compression="tiff_lzw")
    found["tiff group4"] = saved(picture("1"), "tiff", compression="group4")
    found["tiff rgb of 16 bits"] = tiff(wide, 2)
    found["tiff rgb of 16 bits, big endian"] = tiff(wide, 2, big=True)
    found["tiff in planes"] = tiff(tones(3), 2, planar=2)
    found["tiff white is zero"] = tiff(tones(1), 0)
    return found


def gifs():
    first, second = picture("P"), picture("P").transpose(Image.Transpose.ROTATE_180)
    found = {
        "gif": saved(first, "gif"),
        "gif grey": saved(picture("L"), "gif"),
        "gif interlaced": saved(first, "gif", interlace=1),
        "gif with transparency": saved(first, "gif", transparency=2),
        "gif of two frames": saved(first, "gif", save_all=True, append_images=[second], duration=50),
    }
    plain = found["gif"]
    # A canvas that is larger than its first frame: what lies outside has the background's color.
    canvas = bytearray(plain)
    canvas[6:10] = struct.pack("<HH", WIDTH + 2, HEIGHT + 1)
    canvas[11] = 1
    at = canvas.index(b"\x2c", 13 + 3 * (2 << (canvas[10] & 7)))
    canvas[at + 1 : at + 5] = struct.pack("<HH", 1, 1)
    found["gif with a margin"] = bytes(canvas)
    return found


def netpbm():
    text = lambda kind, most, values: f"{kind}\n# made by a test\n{WIDTH} {HEIGHT}\n{most}".encode() + values
    spaced = lambda values: b"\n" + " ".join(str(value) for value in values.ravel()).encode() + b"\n"
    hundred = tones(3) % 101
    wide = tones(3).astype(np.uint16) * 257 ^ 0x21
    return {
        "pbm": saved(picture("1"), "ppm"),
        "pgm": saved(picture("L"), "ppm"),
        "ppm": saved(picture("RGB"), "ppm"),
        "plain pbm": f"P1 {WIDTH} {HEIGHT}\n".encode() + spaced(tones(1) % 2),
        "plain pgm": text("P2", 255, spaced(tones(1))),
        "plain ppm": text("P3", 255, spaced(tones(3))),
        "ppm up to 100": text("P6", 100, b"\n" + hundred.tobytes()),
        "pgm up to 100": text("P5", 100, b"\n" + hundred[..., 0].tobytes()),
        "ppm up to 65535": text("P6", 65535, b"\n" + wide.astype(">u2").tobytes()),
        "ppm up to 1000": text("P6", 1000, b"\n" + (wide % 1001).astype(">u2").tobytes()),
    }


def webps():
    return {
        "webp": saved(picture("RGB"), "webp", quality=90),
        "webp lossless": saved(picture("RGB"), "webp", lossless=True),
        "webp lossless with alpha": saved(picture("RGBA"), "webp", lossless=True, exact=True),
        "webp with alpha": saved(picture("RGBA"), "webp", quality=90, exact=True),
        "webp of two frames": saved(
            picture("RGB"), "webp", lossless=True, save_all=True, append_images=[Image.fromarray(tones(3, 99))], duration=50
        ),
    }


def pngs():
    return {
        "png palette": saved(picture("P"), "png"),
        "png palette with transparency": saved(picture("P"), "png", transparency=1),
        "png grey with alpha": saved(picture("LA"), "png"),
        "png black and white": saved(picture("1"), "png"),
        "png with alpha": saved(picture("RGBA"), "png"),
    }


def jpegs():
    """With each its pixels: decoders differ by some levels."""
    return {
        "jpeg": saved(picture("RGB"), "jpeg", quality=95, subsampling=0),
        "jpeg grey": saved(picture("L"), "jpeg", quality=95),
        "jpeg cmyk": saved(picture("CMYK"), "jpeg", quality=95),
        "jpeg progressive": saved(picture("RGB"), "jpeg", quality=95, progressive=True),
    }


def main():
    files = {**bitmaps(), **tiffs(), **gifs(), **netpbm(), **webps(), **pngs(), **jpegs()}
    cases = []
    for name, data in files.items():
        image = Image.open(io.BytesIO(data))
        pixels = np.asarray(image.convert("RGB"))
        height, width = pixels.shape[:2]
        cases.append({"name": name, "file": data.hex(), "height": height, "width": width, "rgb": pixels.tobytes().hex()})
    reference_json.write("potstill-data", "image_formats.json", {"pillow": PIL.__version__, "cases": cases})


if __name__ == "__main__":
    main()
