//! A method of one's own: its loss is all that has to be written.
//!
//! `cargo run --release -p potstill --example own_method`

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use potstill::prelude::*;

/// The student's logits follow the teacher's, by the mean squared difference.
struct LogitMse;

impl Method for LogitMse {
    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let gap = step.student.logits()? - step.teacher().logits()?;
        Ok(vec![LossTerm::loss(step.id, gap.powi_scalar(2).mean())])
    }
}

pub(crate) fn main() -> potstill::Result<()> {
    let images = |split| open("shapes:size=16,train=320,test=200,classes=4", split);
    let teacher = Distillation::new("cifar_resnet14", images(Split::Train)?, images(Split::Test)?)
        .epochs(8)
        .batch(16)
        .run(&mut NoObserver)?;
    let student = Distillation::new("cifar_resnet8", images(Split::Train)?, images(Split::Test)?)
        .teacher(teacher.student)
        .method("kd", 0.5, Kd::with_temperature(4.0))
        .method("logit-mse", 0.5, LogitMse)
        .epochs(8)
        .batch(16)
        .run(&mut NoObserver)?;
    for row in &student.rows {
        let terms = &row.train.terms;
        println!(
            "epoch {}: kd {:.3}, logit-mse {:.3}",
            row.epoch, terms["kd"], terms["logit-mse"]
        );
    }
    println!("top-1 {:.2} %", student.metrics()["top1"]);
    Ok(())
}
