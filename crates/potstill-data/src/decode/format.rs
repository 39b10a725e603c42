//! Formats of images: those that are decoded, and those that are known by name only.

/// A format that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageFormat {
    Jpeg,
    Png,
    WebP,
    Bmp,
    Tiff,
    Gif,
    /// PBM, PGM and PPM, as text or bytes.
    Netpbm,
}

/// How many bytes of a file tell its format.
pub(crate) const SNIFFED: usize = 16;

/// Extensions of files that are taken for images, in lower case.
pub(crate) const EXTENSIONS: [&str; 15] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif", "pbm", "pgm", "ppm",
    "pnm",
];

/// Extensions of images that are not read, in lower case.
const OTHER_EXTENSIONS: [&str; 31] = [
    "heic", "heif", "avif", "jxl", "jp2", "j2k", "jpx", "jpf", "psd", "svg", "ico", "tga", "dds", "exr",
    "hdr", "pcx", "qoi", "pam", "pfm", "raw", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "dcm", "eps",
    "webm", "apng",
];

impl ImageFormat {
    /// The format that a file's first bytes tell.
    pub fn of(start: &[u8]) -> Option<Self> {
        Some(match start {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', ..] => Self::Png,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            [b'P', b'1'..=b'6', next, ..] if next.is_ascii_whitespace() || *next == b'#' => Self::Netpbm,
            [b'B', b'M', ..] => Self::Bmp,
            _ => return None,
        })
    }
}

/// What to say about a file that starts so.
pub(crate) fn unknown(start: &[u8]) -> String {
    let known = match start {
        [] => return "the file is empty".to_owned(),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "AVIF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => "HEIF",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "JPEG XL",
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [b'8', b'B', b'P', b'S', ..] => "Photoshop",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [b'<', ..] => "HTML or SVG text",
        [
            b'v',
            b'e',
            b'r',
            b's',
            b'i',
            b'o',
            b'n',
            b' ',
            b'h',
            b't',
            b't',
            b'p',
            ..,
        ] => {
            return "it is a pointer of Git LFS; get the file itself with `git lfs pull`".to_owned();
        }
        _ if start.iter().all(|&byte| byte == 0) => {
            return "its first bytes are zeros; was a download or copy interrupted?".to_owned();
        }
        _ => {
            return "the first bytes are of none of JPEG, PNG, WebP, BMP, TIFF, GIF and PBM, PGM, PPM"
                .to_owned();
        }
    };
    format!(
        "it is {known}, which is not read; convert it to one of JPEG, PNG, WebP, BMP, TIFF, GIF and PBM, PGM, PPM"
    )
}

/// The extension of a file's name in lower case; empty without one.
pub(crate) fn extension(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.to_lowercase())
}

/// Whether a file is taken for an image by its name.
pub(crate) fn is_image(file: &str) -> bool {
    EXTENSIONS.contains(&extension(file).as_str())
}

/// Whether a file has the extension of an image that is not read.
pub(crate) fn is_other_image(extension: &str) -> bool {
    OTHER_EXTENSIONS.contains(&extension)
}
