//! Natural order of names: `class2` comes before `class10`.

use std::cmp::Ordering;

/// Compares names so that runs of digits count as numbers; names that differ only in leading zeros keep plain
/// order.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    while let (Some(&first), Some(&second)) = (a.first(), b.first()) {
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (x, y) = (take_number(&mut a), take_number(&mut b));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            first.cmp(&second)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| left.cmp(right))
}

/// Takes the leading digits off `text`; returns them without leading zeros, so that a longer one is a greater
/// number.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = [
            "b",
            "a10",
            "a2",
            "a",
            "a02b",
            "a2b",
            "10",
            "9",
            "a2",
            "a0",
            "a18446744073709551617",
        ];
        names.sort_by(|x, y| compare(x, y));
        let expected = [
            "9",
            "10",
            "a",
            "a0",
            "a2",
            "a2",
            "a02b",
            "a2b",
            "a10",
            "a18446744073709551617",
            "b",
        ];
        assert_eq!(names, expected);
    }
}
