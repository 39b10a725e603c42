//! Where tensors are computed: the one place that names a device.

use burn::tensor::Device;

/// The processor, the device of every run.
pub fn cpu() -> Device {
    Device::flex()
}
