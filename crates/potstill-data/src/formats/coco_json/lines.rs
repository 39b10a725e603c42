//! On which line of a JSON file each object of a list begins: what has no line of its own in a typed value is found again by eye.

/// The lines, from 1, on which the objects of the outermost list `key` begin; empty where there is no such list.
pub(super) fn lines_of(bytes: &[u8], key: &str) -> Vec<usize> {
    let mut scan = Scan {
        bytes,
        at: 0,
        line: 1,
    };
    let (mut depth, mut last_text): (usize, &[u8]) = (0, b"");
    let mut lines = Vec::new();
    let mut inside = false;
    while let Some(byte) = scan.next() {
        match byte {
            b'"' => last_text = scan.text(),
            b'{' => {
                if inside && depth == 2 {
                    lines.push(scan.line);
                }
                depth += 1;
            }
            b'[' => {
                inside |= depth == 1 && last_text == key.as_bytes();
                depth += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if inside && depth == 1 {
                    return lines;
                }
            }
            _ => {}
        }
    }
    lines
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    /// The rest of a text whose opening quote was just read, with its closing one passed.
    fn text(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(byte) = self.next() {
            match byte {
                b'\\' => {
                    self.next();
                }
                b'"' => return &self.bytes[start..self.at - 1],
                _ => {}
            }
        }
        &self.bytes[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::lines_of;

    #[test]
    fn objects_are_found_on_their_lines() {
        let text = "{\"info\": {\"annotations\": [{}]},\n \"images\": [{\"file_name\": \"a\\\"[{\"}],\n\"annotations\":\n[\n{\"id\": 1,\n\
                    \"segmentation\": [[1, 2], {}]}, {\"id\": 2},\n{\"id\": 3}\n], \"categories\": [{}]}";
        assert_eq!(lines_of(text.as_bytes(), "annotations"), [5, 6, 7]);
        assert_eq!(lines_of(text.as_bytes(), "images"), [2]);
        assert_eq!(lines_of(b"[1, 2", "images"), [0usize; 0]);
    }
}
