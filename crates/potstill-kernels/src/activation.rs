//! Activations and their derivatives, on vectors.

use crate::isa::Lanes;

/// What follows a convolution or a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// `v`
    #[default]
    None,
    /// `max(v, 0)`
    Relu,
    /// `min(max(v, 0), 6)`
    Relu6,
    /// `v` where positive, else this slope times `v`
    Leaky(f32),
    /// `v * min(max(v + 3, 0), 6) / 6`
    HardSwish,
    /// `v / (1 + exp(-v))`
    Silu,
    /// `v P(normal < v)` by the error function, not by its tanh approximation
    Gelu,
}

impl Activation {
    /// Whether the derivative can be read from the output as well as from the input.
    pub fn gates_by_output(self) -> bool {
        match self {
            Self::None | Self::Relu | Self::Relu6 => true,
            Self::Leaky(slope) => slope >= 0.0,
            Self::HardSwish | Self::Silu | Self::Gelu => false,
        }
    }

    /// The activation of every lane; a NaN stays a NaN.
    #[inline(always)]
    pub(crate) fn apply<L: Lanes>(self, v: L) -> L {
        match self {
            Self::None => v,
            Self::Relu => v.at_least(L::zero()),
            Self::Relu6 => v.at_least(L::zero()).at_most(L::splat(6.0)),
            Self::Leaky(slope) => v.select_above(L::zero(), v, v.mul(L::splat(slope))),
            Self::HardSwish => {
                let gate = v.add(L::splat(3.0)).at_least(L::zero()).at_most(L::splat(6.0));
                v.mul(gate).mul(L::splat(1.0 / 6.0))
            }
            Self::Silu => v.mul(sigmoid(v)),
            Self::Gelu => v.mul(normal(v).below),
        }
    }

    /// `gradient` times the derivative at `v`: the input, or the output where [`Activation::gates_by_output`]. The
    /// derivative at a kink is the one of the flat side, as in PyTorch.
    #[inline(always)]
    pub(crate) fn gate<L: Lanes>(self, v: L, gradient: L) -> L {
        let zero = L::zero();
        match self {
            Self::None => gradient,
            Self::Relu => v.select_above(zero, gradient, zero),
            Self::Relu6 => v.select_above(zero, L::splat(6.0).select_above(v, gradient, zero), zero),
            Self::Leaky(slope) => v.select_above(zero, gradient, gradient.mul(L::splat(slope))),
            Self::HardSwish => {
                let slope = v.add(v).add(L::splat(3.0)).mul(L::splat(1.0 / 6.0));
                let inside = L::splat(3.0).select_above(v, slope, L::splat(1.0));
                gradient.mul(v.select_above(L::splat(-3.0), inside, zero))
            }
            Self::Silu => {
                let s = sigmoid(v);
                // s + v s (1 - s)
                let rest = v.mul(s);
                gradient.mul(s.add(rest.sub(rest.mul(s))))
            }
            Self::Gelu => {
                let Normal { below, density } = normal(v);
                gradient.mul(below.fma(v, density))
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Relu => "Relu",
            Self::Relu6 => "Relu6",
            Self::Leaky(_) => "Leaky",
            Self::HardSwish => "HardSwish",
            Self::Silu => "Silu",
            Self::Gelu => "Gelu",
        }
    }
}

/// An activation inside a loop over vectors. The frequent ones are types, so that the loop holds no choice between them.
pub(crate) trait Activate: Copy + Sync {
    /// As [`Activation::apply`].
    fn apply<L: Lanes>(self, v: L) -> L;
    /// As [`Activation::gate`].
    fn gate<L: Lanes>(self, v: L, gradient: L) -> L;
    /// Whether the gate needs no input.
    fn is_none(self) -> bool;
}

/// [`Activation::None`], known to the compiler.
#[derive(Clone, Copy)]
pub(crate) struct NoActivation;

/// [`Activation::Relu`], known to the compiler.
#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Activate for NoActivation {
    #[inline(always)]
    fn apply<L: Lanes>(self, v: L) -> L {
        v
    }
    #[inline(always)]
    fn gate<L: Lanes>(self, _: L, gradient: L) -> L {
        gradient
    }
    #[inline(always)]
    fn is_none(self) -> bool {
        true
    }
}

impl Activate for Relu {
    #[inline(always)]
    fn apply<L: Lanes>(self, v: L) -> L {
        Activation::Relu.apply(v)
    }
    #[inline(always)]
    fn gate<L: Lanes>(self, v: L, gradient: L) -> L {
        Activation::Relu.gate(v, gradient)
    }
    #[inline(always)]
    fn is_none(self) -> bool {
        false
    }
}

impl Activate for Activation {
    #[inline(always)]
    fn apply<L: Lanes>(self, v: L) -> L {
        Activation::apply(self, v)
    }
    #[inline(always)]
    fn gate<L: Lanes>(self, v: L, gradient: L) -> L {
        Activation::gate(self, v, gradient)
    }
    #[inline(always)]
    fn is_none(self) -> bool {
        self == Self::None
    }
}

/// Evaluates an expression with `$name` bound to the [`Activate`] for an [`Activation`].
macro_rules! with_activation {
    ($activation:expr, $name:ident => $body:expr) => {
        match $activation {
            crate::Activation::None => {
                let $name = crate::activation::NoActivation;
                $body
            }
            crate::Activation::Relu => {
                let $name = crate::activation::Relu;
                $body
            }
            $name => $body,
        }
    };
}
pub(crate) use with_activation;

#[inline(always)]
fn sigmoid<L: Lanes>(v: L) -> L {
    let one = L::splat(1.0);
    one.div(one.add(exp(L::zero().sub(v))))
}

/// The standard normal distribution at some numbers.
struct Normal<L> {
    /// The probability of a smaller number.
    below: L,
    density: L,
}

/// Both to a relative error of about 1e-6, far into the tails too, where the error function would have cancelled against 1.
///
/// A tail is the density times Mills' ratio, and that is, in `t = 1 / (1 + 0.35 |v|)`, nearly a polynomial. The coefficients are the minimax fit of
/// degree 8 to `exp(a^2 / 2) erfc(a / sqrt 2) / (2 t)` for `a` in `0 ..= 14`, of relative error 3.2e-8.
#[inline(always)]
fn normal<L: Lanes>(v: L) -> Normal<L> {
    const COEFFICIENTS: [f32; 9] = [
        -0.029_146_362,
        0.143_973_76,
        -0.255_718_43,
        0.159_178_84,
        -0.023_112_966,
        0.105_509_29,
        0.119_832_56,
        0.139_861_91,
        0.139_621_4,
    ];
    /// `1 / sqrt(2 pi)`.
    const PEAK: f32 = 0.398_942_3;
    let (zero, one) = (L::zero(), L::splat(1.0));
    let size = v.at_least(zero.sub(v));
    let t = one.div(one.fma(size, L::splat(0.35)));
    let bell = exp(size.mul(size).mul(L::splat(-0.5)));
    let mut ratio = L::splat(COEFFICIENTS[0]);
    for &coefficient in &COEFFICIENTS[1..] {
        ratio = L::splat(coefficient).fma(ratio, t);
    }
    let tail = ratio.mul(t).mul(bell);
    Normal {
        below: v.select_above(zero, one.sub(tail), tail),
        density: bell.mul(L::splat(PEAK)),
    }
}

/// `e^x` to about 2 units in the last place: `2^n` times a polynomial on `[-ln 2 / 2, ln 2 / 2]` (its Taylor series, of
/// which the first omitted term is below 1e-8). Saturates instead of overflowing.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    /// Added to a small number, leaves it rounded to an integer, plus 127, in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let x = x.at_least(L::splat(-87.0)).at_most(L::splat(88.0));
    let shifted = L::splat(ROUND).fma(x, L::splat(std::f32::consts::LOG2_E));
    let n = shifted.sub(L::splat(ROUND));
    // ln 2 in two parts, so that `n * ln 2` loses nothing.
    let r = x.fma(n, L::splat(-0.693_359_4)).fma(n, L::splat(2.121_944_4e-4));
    let mut p = L::splat(1.0 / 5040.0);
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = L::splat(coefficient).fma(p, r);
    }
    p.mul(shifted.shift_to_exponent())
}
