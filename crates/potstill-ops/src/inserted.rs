//! Layers that are put into a network at its points, and stay there.

use burn::{
    module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::Device,
};

use crate::{KdLayer, Pass, Point};

/// A layer that is to be put into a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Insertion {
    /// The path of its tensors and of its points, such as `letkd.penultimate`.
    pub path: String,
    /// The point whose map it replaces.
    pub point: Point,
    /// K, the number of its templates.
    pub templates: usize,
    /// What its residual is multiplied by.
    pub alpha: f64,
}

/// A module with the layers that were put into it. Its tensors come first, under their own names, then those of each layer under
/// the layer's path.
#[derive(Debug, Clone)]
pub struct Inserted<M> {
    module: M,
    layers: Vec<(Point, KdLayer)>,
}

impl<M> Inserted<M> {
    /// The module as it is.
    pub fn none(module: M) -> Self {
        let layers = Vec::new();
        Self { module, layers }
    }

    /// Puts a layer at a point, behind those that are there already.
    pub fn insert(&mut self, point: Point, layer: KdLayer) {
        self.layers.push((point, layer));
    }

    /// The layers with their points, in the order in which they were put in.
    pub fn layers(&self) -> &[(Point, KdLayer)] {
        &self.layers
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> impl Iterator<Item = &mut KdLayer> {
        self.layers.iter_mut().map(|(_, layer)| layer)
    }

    /// Runs the module in a pass in which its layers stand at their points.
    pub fn forward<R>(&self, pass: &mut Pass<'_>, run: impl FnOnce(&M, &mut Pass<'_>) -> R) -> R {
        pass.with_layers(&self.layers, |pass| run(&self.module, pass))
    }
}

impl<M: Module> Inserted<M> {
    fn on_each(self, module: impl FnOnce(M) -> M, mut layer: impl FnMut(KdLayer) -> KdLayer) -> Self {
        Self {
            module: module(self.module),
            layers: self
                .layers
                .into_iter()
                .map(|(point, inserted)| (point, layer(inserted)))
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
                .map(|(point, layer)| (point.clone(), layer.valid()))
                .collect(),
        }
    }

    fn materialize(self) -> Self {
        self.on_each(Module::materialize, Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.module.visit(visitor);
        for (_, layer) in &self.layers {
            visitor.enter_module(layer.path(), CONTAINER);
            layer.visit(visitor);
            visitor.exit_module(layer.path(), CONTAINER);
        }
    }

    fn map<V: ModuleMapper>(self, mapper: &mut V) -> Self {
        let module = self.module.map(mapper);
        let layers = self.layers.into_iter().map(|(point, layer)| {
            let path = layer.path().to_owned();
            mapper.enter_module(&path, CONTAINER);
            let layer = layer.map(mapper);
            mapper.exit_module(&path, CONTAINER);
            (point, layer)
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
