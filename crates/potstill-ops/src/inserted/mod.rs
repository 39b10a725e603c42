//! Layers that are put into a network at its points, and stay there.
//!
//! [`LayerConfig`] lists the kinds; each kind is a file. [`Inserted`] holds a network together with its
//! layers.

mod kd_layer;
mod layer;
mod projector;

use burn::{
    module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::Device,
};

use crate::{Pass, Scope, Trace};

pub use kd_layer::{CosineConv, KdLayer};
pub(crate) use layer::Layer;
pub use layer::{Insertion, LayerConfig};
pub use projector::Projector;

/// A module with the layers that were put into it.
///
/// The module's tensors come first, under their own names, then those of each layer under the layer's path.
#[derive(Debug, Clone)]
pub struct Inserted<M> {
    module: M,
    layers: Vec<(Insertion, Layer)>,
}

impl<M> Inserted<M> {
    /// The module as it is.
    pub fn none(module: M) -> Self {
        let layers = Vec::new();
        Self { module, layers }
    }

    /// Builds a layer for maps of `channels` channels, with initial values from `scope`, and puts it at its
    /// point, behind the layers that stand there already.
    pub fn insert(&mut self, insertion: Insertion, channels: usize, scope: &Scope) {
        let layer = insertion.layer.build(channels, &insertion.path, scope);
        self.layers.push((insertion, layer));
    }

    /// What was put in, in order.
    pub fn insertions(&self) -> impl Iterator<Item = &Insertion> {
        self.layers.iter().map(|(insertion, _)| insertion)
    }

    /// Brings the weights of the layers into the form in which they are deployed. Every layer computes the
    /// same as before.
    pub fn deploy_layers(&mut self) {
        for (_, layer) in &mut self.layers {
            layer.deploy();
        }
    }

    /// The module without the layers.
    pub fn get(&self) -> &M {
        &self.module
    }

    /// The module without the layers, to be changed.
    pub fn get_mut(&mut self) -> &mut M {
        &mut self.module
    }

    /// Runs the module in a pass in which its layers stand at their points.
    pub fn forward<R>(&self, pass: &mut Pass<'_>, run: impl FnOnce(&M, &mut Pass<'_>) -> R) -> R {
        pass.with_layers(&self.layers, |pass| run(&self.module, pass))
    }

    /// Traces the module while its layers stand at their points.
    pub fn trace<R>(&self, trace: &mut Trace, run: impl FnOnce(&M, &mut Trace) -> R) -> R {
        trace.with_layers(&self.layers, |trace| run(&self.module, trace))
    }
}

impl<M: Module> Inserted<M> {
    fn on_each(self, module: impl FnOnce(M) -> M, mut layer: impl FnMut(Layer) -> Layer) -> Self {
        Self {
            module: module(self.module),
            layers: self
                .layers
                .into_iter()
                .map(|(insertion, inserted)| (insertion, layer(inserted)))
                .collect(),
        }
    }
}

/// What the walks of Burn call this container.
const CONTAINER: &str = "Inserted";

impl<M: Module> Module for Inserted<M> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        let devices = self.module.collect_devices(devices);
        self.layers
            .iter()
            .fold(devices, |devices, (_, layer)| layer.collect_devices(devices))
    }

    fn fork(self, device: &Device) -> Self {
        self.on_each(|module| module.fork(device), |layer| layer.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.on_each(|module| module.to_device(device), |layer| layer.to_device(device))
    }

    fn train(self) -> Self {
        self.on_each(Module::train, Module::train)
    }

    fn valid(&self) -> Self {
        let layers = self.layers.iter();
        Self {
            module: self.module.valid(),
            layers: layers
                .map(|(insertion, layer)| (insertion.clone(), layer.valid()))
                .collect(),
        }
    }

    fn materialize(self) -> Self {
        self.on_each(Module::materialize, Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.module.visit(visitor);
        for (insertion, layer) in &self.layers {
            visitor.enter_module(&insertion.path, CONTAINER);
            layer.visit(visitor);
            visitor.exit_module(&insertion.path, CONTAINER);
        }
    }

    fn map<V: ModuleMapper>(self, mapper: &mut V) -> Self {
        let module = self.module.map(mapper);
        let layers = self.layers.into_iter().map(|(insertion, layer)| {
            mapper.enter_module(&insertion.path, CONTAINER);
            let layer = layer.map(mapper);
            mapper.exit_module(&insertion.path, CONTAINER);
            (insertion, layer)
        });
        let layers = layers.collect();
        Self { module, layers }
    }
}

impl<M: Module> ModuleDisplayDefault for Inserted<M> {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl<M: Module> ModuleDisplay for Inserted<M> {}
