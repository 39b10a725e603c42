//! Bytes that differ a little from others.

use potstill_random::Stream;

/// Numbers at which bounds lie, in as many bytes as they need, the lowest first and the highest first.
const BOUNDS: [&[u8]; 12] = [
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff; 4],
    &[0, 0, 0, 0, 1, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
    &[0xff; 8],
];

/// One of `seeds` with one to eight changes: bits turned, bounds written in, parts left out, repeated, cut off, or taken from another.
pub fn changed(seeds: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let pick = |stream: &mut Stream| seeds[stream.below(seeds.len())].clone();
    let mut bytes = pick(stream);
    for _ in 0..=stream.below(8) {
        if bytes.is_empty() {
            bytes = pick(stream);
            continue;
        }
        let at = stream.below(bytes.len());
        let rest = bytes.len() - at;
        match stream.below(7) {
            0 => bytes[at] ^= 1 << stream.below(8),
            1 => bytes[at] = stream.below(256) as u8,
            2 => {
                let bound = BOUNDS[stream.below(BOUNDS.len())];
                let length = bound.len().min(rest);
                bytes[at..at + length].copy_from_slice(&bound[..length]);
            }
            3 => drop(bytes.drain(at..at + stream.below(rest.min(64)))),
            4 => {
                let part = bytes[at..at + stream.below(rest.min(64))].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let other = pick(stream);
                if !other.is_empty() {
                    let from = stream.below(other.len());
                    let length = stream.below((other.len() - from).min(256));
                    bytes.splice(at..at, other[from..from + length].iter().copied());
                }
            }
            _ if stream.chance(0.2) => bytes.truncate(at),
            _ => bytes.insert(at, stream.below(256) as u8),
        }
        bytes.truncate(1 << 16);
    }
    bytes
}
