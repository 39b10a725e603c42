//! The networks that detectors of the registry stand on.

use super::{
    cifar_resnet::CifarResNetConfig, family::Architecture, mobilenet_v2::MobileNetV2Config,
    mobilenet_v3::LARGE, resnet::ResNetConfig,
};

impl Architecture {
    pub const MOBILENET_V2: Self = Self::MobileNetV2(MobileNetV2Config);
    pub const MOBILENET_V3_LARGE: Self = Self::MobileNetV3(LARGE);

    /// ResNet-18, 34, 50 or 101.
    pub const fn resnet(depth: usize) -> Self {
        Self::ResNet(ResNetConfig::of_depth(depth))
    }

    /// A thin ResNet for small images, of this depth and with a stem of stride 2.
    pub const fn halving_cifar_resnet(depth: usize) -> Self {
        Self::CifarResNet(CifarResNetConfig::halving(depth))
    }
}
