//! How logits become probabilities, and how those of two networks are compared.

use burn::tensor::{
    Tensor,
    activation::{log_sigmoid, log_softmax, sigmoid, softmax},
};

/// How a row of K logits becomes probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probabilities {
    /// Classes exclude each other: a softmax over the row.
    Softmax,
    /// Classes are questions of their own: a sigmoid of each logit.
    Sigmoid,
}

impl Probabilities {
    /// The distillation loss of the student's logits `[N, K]` against the teacher's, both softened by the temperature T, mean over
    /// the rows; a tensor with one element. The teacher's side is a target and gets no gradient unless it is tracked.
    ///
    /// * Softmax: `T^2 KL(softmax(teacher / T) || softmax(student / T))` (Hinton, Vinyals and Dean 2015, section 2).
    /// * Sigmoid: `T^2 sum_k KL(Bernoulli(sigmoid(teacher_k / T)) || Bernoulli(sigmoid(student_k / T)))`. At T = 1 this is the multi-label
    ///   logits distillation of Yang et al., "Multi-Label Knowledge Distillation", ICCV 2023, section 3.2, whose program sums over the
    ///   classes too. The temperature with its factor is that of Hinton et al., carried over: our design.
    pub fn divergence(self, student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
        let rows = student.dims()[0].max(1) as f64;
        self.softened(student, teacher, temperature).sum() * (temperature * temperature / rows)
    }

    /// The same of each row by itself, `[N]`.
    pub fn divergences(self, student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
        let each = self.softened(student, teacher, temperature).sum_dim(1);
        each.squeeze_dim(1) * (temperature * temperature)
    }

    /// The same with every score weighted by how far both softened probabilities are apart, to the power `focal`; a row of scores that exclude each
    /// other as a whole, by half the sum over its scores. The weights are constants. In the manner of the quality focal loss (Li et al.,
    /// "Generalized Focal Loss", NeurIPS 2020, equation 4), whose weight is `|y - p|^2`: our design.
    pub fn focal_divergences(
        self,
        student: Tensor<2>,
        teacher: Tensor<2>,
        temperature: f64,
        focal: f64,
    ) -> Tensor<1> {
        let apart = (self.of(student.clone() / temperature) - self.of(teacher.clone() / temperature)).abs();
        let apart = match self {
            Self::Softmax => apart.sum_dim(1) * 0.5,
            Self::Sigmoid => apart,
        };
        let weights = apart.detach().powf_scalar(focal);
        let each = self.softened(student, teacher, temperature) * weights;
        each.sum_dim(1).squeeze_dim(1) * (temperature * temperature)
    }

    /// The probabilities of logits, `[N, K]`.
    fn of(self, logits: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Softmax => softmax(logits, 1),
            Self::Sigmoid => sigmoid(logits),
        }
    }

    /// The divergence of every score, `[N, K]`.
    fn softened(self, student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<2> {
        let (student, teacher) = (student / temperature, teacher / temperature);
        match self {
            Self::Softmax => divergence(log_softmax(student, 1), log_softmax(teacher, 1)),
            Self::Sigmoid => {
                let is = divergence(log_sigmoid(student.clone()), log_sigmoid(teacher.clone()));
                let is_not = divergence(log_sigmoid(-student), log_sigmoid(-teacher));
                is + is_not
            }
        }
    }

    /// Logits `[N, K]` whose probabilities at this temperature are the mean of those of several networks, by weights that sum to 1
    /// (You, Xu, Xu and Tao, "Learning from Multiple Teacher Networks", KDD 2017, section 3.2). `None` of none.
    pub fn mean(self, members: &[(f64, Tensor<2>)], temperature: f64) -> Option<Tensor<2>> {
        let logs = |of: fn(Tensor<2>) -> Tensor<2>, sign: f64| {
            let members = members.iter();
            members.map(move |(weight, logits)| (*weight, of(logits.clone() / (sign * temperature))))
        };
        let mean = match self {
            Self::Softmax => log_of_mean(logs(|logits| log_softmax(logits, 1), 1.0).collect())?,
            Self::Sigmoid => {
                let is = log_of_mean(logs(log_sigmoid, 1.0).collect())?;
                let is_not = log_of_mean(logs(log_sigmoid, -1.0).collect())?;
                is - is_not
            }
        };
        Some(mean * temperature)
    }
}

/// `p (log p - log q)`, element by element, of `log q` and `log p`.
fn divergence(student_log: Tensor<2>, teacher_log: Tensor<2>) -> Tensor<2> {
    teacher_log.clone().exp() * (teacher_log - student_log)
}

/// `log(sum_i w_i exp(x_i))`, by the largest of the logarithms at every place, so that nothing is too small for its digits.
fn log_of_mean(logs: Vec<(f64, Tensor<2>)>) -> Option<Tensor<2>> {
    let (_, first) = logs.first()?;
    let mut largest = first.clone();
    for (_, log) in &logs[1..] {
        largest = largest.max_pair(log.clone());
    }
    let shares = logs
        .into_iter()
        .map(|(weight, log)| (log - largest.clone()).exp() * weight);
    let sum = shares.reduce(|sum, share| sum + share)?;
    Some(sum.log() + largest)
}
