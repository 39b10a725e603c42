//! Runs of equal pixels in bitmaps of 4 and 8 bits.

/// The indices of all pixels, in the order of the file. What is not said is 0.
pub(super) fn indices(data: &[u8], [height, width]: [usize; 2], bits: usize) -> Result<Vec<u8>, String> {
    let mut canvas = Canvas {
        indices: vec![0; height * width],
        width,
        row: 0,
        column: 0,
    };
    let mut data = data.iter().copied();
    let mut next = || {
        data.next()
            .ok_or("it is truncated: its runs do not come to an end")
    };
    loop {
        match (next()?, next()?) {
            (0, 0) => (canvas.row, canvas.column) = (canvas.row + 1, 0),
            (0, 1) => return Ok(canvas.indices),
            (0, 2) => {
                canvas.column += usize::from(next()?);
                canvas.row += usize::from(next()?);
            }
            // Pixels one by one, filled up to an even number of bytes.
            (0, count) => {
                let count = usize::from(count);
                let length = (count * bits).div_ceil(8);
                for byte in 0..length {
                    let value = next()?;
                    for index in split(value, bits).into_iter().take(count - byte * 8 / bits) {
                        canvas.put(index);
                    }
                }
                if length % 2 == 1 {
                    next()?;
                }
            }
            (count, value) => {
                for index in split(value, bits).into_iter().cycle().take(count.into()) {
                    canvas.put(index);
                }
            }
        }
        if canvas.row >= height {
            return Ok(canvas.indices);
        }
    }
}

/// The indices in a byte.
fn split(value: u8, bits: usize) -> Vec<u8> {
    if bits == 4 {
        vec![value >> 4, value & 15]
    } else {
        vec![value]
    }
}

/// Where the next pixel goes.
struct Canvas {
    indices: Vec<u8>,
    width: usize,
    row: usize,
    column: usize,
}

impl Canvas {
    /// Sets a pixel; what goes beyond its row is dropped.
    fn put(&mut self, index: u8) {
        if self.column < self.width
            && let Some(pixel) = self.indices.get_mut(self.row * self.width + self.column)
        {
            *pixel = index;
        }
        self.column += 1;
    }
}
