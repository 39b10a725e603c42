//! The normal distribution in double precision.

/// `P(normal < v)` by the error function's series of positive terms.
pub fn below(v: f64) -> f64 {
    let x = v.abs() / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (x, x);
    for n in 1..400 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    let half = sum * (-x * x).exp() / std::f64::consts::PI.sqrt();
    if v < 0.0 { 0.5 - half } else { 0.5 + half }
}
