//! Numbers as people write them: `1 h 02 min`, `269,722`, `41.3 M`.

use potstill_metrics::Unit;

pub use potstill_metrics::MISSING;

/// A number of things with commas between the thousands: `269,722`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A large number in three or four figures: `41.3 M`, `4.09 G`, `812`.
pub fn magnitude(number: u64) -> String {
    // The bounds lie where rounding would otherwise print a thousand of the smaller unit.
    let number = number as f64;
    match number {
        n if n < 999.5 => format!("{n}"),
        n if n < 999.95e3 => three_figures(n / 1e3, "k"),
        n if n < 999.95e6 => three_figures(n / 1e6, "M"),
        n if n < 999.95e9 => three_figures(n / 1e9, "G"),
        n => three_figures(n / 1e12, "T"),
    }
}

fn three_figures(number: f64, unit: &str) -> String {
    if number < 9.995 {
        format!("{number:.2} {unit}")
    } else {
        format!("{number:.1} {unit}")
    }
}

/// A time in its two largest units: `8.4 s`, `42 s`, `3 min 07 s`, `1 h 02 min`, `2 d 05 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return MISSING.to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let minutes = (whole + 30) / 60;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..86_370 => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => {
            let hours = (whole + 1800) / 3600;
            format!("{} d {:02} h", hours / 24, hours % 24)
        }
    }
}

/// A percentage: `91.93 %`.
pub fn percent(number: f64) -> String {
    Unit::Percent.text(number)
}

/// A difference of two values of a metric, with its sign: `+0.48`, `−1.20`, `0.00`.
pub fn gain(difference: f64, unit: Unit) -> String {
    let text = unit.number(difference.abs());
    match difference {
        d if !d.is_finite() || text == unit.number(0.0) => text,
        d if d < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// A distance between two values of a metric: `2.37 points` for percentages, `0.1250`.
pub fn distance(difference: f64, unit: Unit) -> String {
    let number = unit.number(difference.abs());
    if unit == Unit::Percent {
        number + " points"
    } else {
        number
    }
}

/// A label at the beginning of a line: `top-1` as `Top-1`, but `mAP` as it is.
pub fn heading(label: &str) -> String {
    let mut letters = label.chars();
    match letters.next() {
        Some(first) if !label.chars().any(char::is_uppercase) => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => label.to_owned(),
    }
}

/// A number of any size, such as a learning rate, in as few figures as say it: `0.1`, `0.025`, `5e-4`, `1e6`.
pub fn rate(number: f64) -> String {
    // Four figures, then off with the zeros that say nothing.
    let trim = |figures: &str| figures.trim_end_matches('0').trim_end_matches('.').to_owned();
    match number.abs() {
        _ if !number.is_finite() => MISSING.to_owned(),
        0.0 => "0".to_owned(),
        1e-3..1e5 => trim(&format!("{number:.4}")),
        _ => {
            let text = format!("{number:.3e}");
            let (figures, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{exponent}", trim(figures))
        }
    }
}

/// A number with this many decimals; a dash for one that is not finite.
pub fn decimals(number: f64, places: usize) -> String {
    if number.is_finite() {
        format!("{number:.places$}")
    } else {
        MISSING.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let texts = [0, 999, 1000, 269_722, 1_234_567_890].map(count);
        assert_eq!(texts, ["0", "999", "1,000", "269,722", "1,234,567,890"]);
    }

    #[test]
    fn magnitudes_keep_three_figures_and_never_print_a_thousand() {
        let texts = [812, 999_949, 999_960, 41_300_000, 4_089_000_000, 999_999_999_999].map(magnitude);
        assert_eq!(texts, ["812", "999.9 k", "1.00 M", "41.3 M", "4.09 G", "1.00 T"]);
    }

    #[test]
    fn durations_show_two_units_and_carry_over() {
        let texts = [
            0.04, 9.96, 59.6, 187.0, 3599.4, 3720.0, 7199.0, 86_369.0, 86_370.0, 190_800.0,
        ]
        .map(duration);
        let expected = [
            "0.0 s",
            "10 s",
            "1 min 00 s",
            "3 min 07 s",
            "59 min 59 s",
            "1 h 02 min",
            "2 h 00 min",
            "23 h 59 min",
            "1 d 00 h",
            "2 d 05 h",
        ];
        assert_eq!(texts, expected);
        assert_eq!([f64::NAN, f64::INFINITY, -1.0].map(duration), ["–"; 3]);
    }

    #[test]
    fn gains_carry_a_sign_unless_they_round_to_nothing() {
        let percent = [0.481, -1.2, -0.001, f64::NAN].map(|value| gain(value, Unit::Percent));
        assert_eq!(percent, ["+0.48", "−1.20", "0.00", "–"]);
        assert_eq!(gain(-0.001, Unit::Nats), "−0.0010");
        assert_eq!(
            [Unit::Percent, Unit::None].map(|unit| distance(-2.366, unit)),
            ["2.37 points", "2.3660"]
        );
    }

    #[test]
    fn a_heading_leaves_abbreviations_as_they_are() {
        assert_eq!(
            ["top-1", "mAP", "F1", ""].map(heading),
            ["Top-1", "mAP", "F1", ""]
        );
    }

    #[test]
    fn rates_are_short() {
        let texts = [
            0.1,
            0.025,
            0.0,
            1.0,
            5e-4,
            1.234_56e-5,
            0.061_803_4,
            -20.0,
            1e6,
            -3.0e5,
        ]
        .map(rate);
        let expected = [
            "0.1", "0.025", "0", "1", "5e-4", "1.235e-5", "0.0618", "-20", "1e6", "-3e5",
        ];
        assert_eq!(texts, expected);
    }
}
