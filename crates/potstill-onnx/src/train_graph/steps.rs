//! A list of steps to be rewritten: who makes a value, who reads it.

use std::collections::HashMap;

use super::plan::{Op, Step};

/// Steps in order, of which some have gone.
#[derive(Debug)]
pub(super) struct Steps {
    slots: Vec<Option<Step>>,
    makers: HashMap<usize, usize>,
    readers: HashMap<usize, Vec<usize>>,
}

impl Steps {
    /// These steps; the value `given` is read from outside.
    pub fn of(steps: Vec<Step>, given: usize) -> Self {
        let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut makers = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            for &value in &step.inputs {
                readers.entry(value).or_default().push(index);
            }
            makers.insert(step.output, index);
        }
        // No step is called so: whoever looks for the only reader finds none.
        readers.entry(given).or_default().push(usize::MAX);
        Self {
            slots: steps.into_iter().map(Some).collect(),
            makers,
            readers,
        }
    }

    /// The number of steps, those counted that have gone.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The step at a place, if it is still there.
    pub fn at(&self, index: usize) -> Option<&Step> {
        self.slots.get(index)?.as_ref()
    }

    /// The step that makes a value.
    pub fn maker(&self, value: usize) -> Option<(usize, &Step)> {
        let index = *self.makers.get(&value)?;
        Some((index, self.at(index)?))
    }

    /// The step that reads a value, if there is only one and it reads it once.
    pub fn only_reader(&self, value: usize) -> Option<(usize, &Step)> {
        match self.readers.get(&value).map(Vec::as_slice) {
            Some(&[index]) => Some((index, self.at(index)?)),
            _ => None,
        }
    }

    /// Puts one operation in the place of the last of some steps, and takes the others out.
    pub fn replace(&mut self, gone: &[usize], last: usize, op: Op, inputs: Vec<usize>) {
        for &index in gone {
            self.slots[index] = None;
        }
        if let Some(step) = &mut self.slots[last] {
            step.op = op;
            step.inputs = inputs;
        }
    }

    /// What is left, without steps that nothing reads.
    pub fn finish(self, given: usize) -> Vec<Step> {
        let mut steps: Vec<Step> = self.slots.into_iter().flatten().collect();
        let mut read = std::collections::HashSet::from([given]);
        steps.reverse();
        steps.retain(|step| {
            let is_read = read.contains(&step.output);
            if is_read {
                read.extend(step.inputs.iter().copied());
            }
            is_read
        });
        steps.reverse();
        steps
    }
}
