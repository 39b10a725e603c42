//! Batch moments on their way into running statistics.

use std::collections::HashMap;

use burn::{module::ParamId, tensor::Tensor};

use crate::Parameters;

/// Mean and unbiased variance of one batch at one batch norm, with the buffers they belong to.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    pub(crate) running_mean: ParamId,
    pub(crate) running_var: ParamId,
    /// `[C]`, on the plain device.
    pub(crate) mean: Tensor<1>,
    /// `[C]`, unbiased, on the plain device.
    pub(crate) variance: Tensor<1>,
    pub(crate) momentum: f64,
}

impl BatchStatistics {
    /// Moves the running statistics of `module` towards these statistics, in the order in which they were recorded:
    /// `running = (1 - momentum) * running + momentum * batch`, as PyTorch does, with the unbiased variance.
    ///
    /// Statistics of other modules are passed over, so one list may serve several modules.
    pub fn update_running_stats(moments: &[Self], module: &mut dyn Parameters) {
        let mut by_buffer: HashMap<ParamId, Vec<(&Tensor<1>, f64)>> = HashMap::new();
        for noted in moments {
            by_buffer
                .entry(noted.running_mean)
                .or_default()
                .push((&noted.mean, noted.momentum));
            by_buffer
                .entry(noted.running_var)
                .or_default()
                .push((&noted.variance, noted.momentum));
        }
        module.rewrite(&mut |entry, running| {
            let batches = by_buffer.get(&entry.id)?;
            Some(batches.iter().fold(running, |running, (batch, momentum)| {
                running * (1.0 - momentum) + (*batch).clone() * *momentum
            }))
        });
    }
}
