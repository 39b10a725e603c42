//! Burn's walks over modules without their type parameters, so that a module can stand behind a pointer.
//!
//! A walk crosses the pointer twice: the generic walk is wrapped into an [`ErasedVisitor`], which the module,
//! whose type is known on the other side, takes through [`Across`] as a generic one again. On the way a
//! parameter is an `Any`.

use std::{any::Any, fmt::Debug};

use burn::{
    module::{Flag, Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Bool, Device, Int, Tensor},
};
use potstill_ops::Pass;

use super::Network;
use crate::{LinearHead, Outputs};

/// [`Network`] with Burn's [`Module`], object-safe.
pub(super) trait Erased: Debug + Send + Sync {
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs;
    fn refuses(&self, size: [usize; 2]) -> Option<String>;
    fn graph_file(&self) -> Option<&[u8]>;
    fn linear_head(&self) -> Option<LinearHead>;
    fn copy(&self) -> Box<dyn Erased>;
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device>;
    fn fork(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn to_device(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn train(self: Box<Self>) -> Box<dyn Erased>;
    fn valid(&self) -> Box<dyn Erased>;
    fn materialize(self: Box<Self>) -> Box<dyn Erased>;
    fn visit(&self, visitor: &mut dyn ErasedVisitor);
    fn map(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn Erased>;
}

impl<N: Network> Erased for N {
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        Network::forward(self, images, pass)
    }

    fn refuses(&self, size: [usize; 2]) -> Option<String> {
        Network::refuses(self, size)
    }

    fn graph_file(&self) -> Option<&[u8]> {
        Network::graph_file(self)
    }

    fn linear_head(&self) -> Option<LinearHead> {
        Network::linear_head(self)
    }

    fn copy(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        Module::collect_devices(self, devices)
    }

    fn fork(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(Module::fork(*self, device))
    }

    fn to_device(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(Module::to_device(*self, device))
    }

    fn train(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(Module::train(*self))
    }

    fn valid(&self) -> Box<dyn Erased> {
        Box::new(Module::valid(self))
    }

    fn materialize(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(Module::materialize(*self))
    }

    fn visit(&self, visitor: &mut dyn ErasedVisitor) {
        Module::visit(self, &mut Across(visitor));
    }

    fn map(self: Box<Self>, mapper: &mut dyn ErasedMapper) -> Box<dyn Erased> {
        Box::new(Module::map(*self, &mut Across(mapper)))
    }
}

/// [`ModuleVisitor`], object-safe. A parameter is a `Param<Tensor<D, K>>` of a rank D up to 8.
pub(super) trait ErasedVisitor {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn tensor(&mut self, param: &dyn Any);
    fn flag(&mut self, flag: &Param<Flag>);
}

/// [`ModuleMapper`], object-safe. A parameter is a `Param<Tensor<D, K>>` of a rank D up to 8, and what comes
/// back has the same type.
pub(super) trait ErasedMapper {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn tensor(&mut self, param: Box<dyn Any>) -> Box<dyn Any>;
    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag>;
}

/// The generic walk that a module takes on the far side of the pointer.
struct Across<'a, W: ?Sized>(&'a mut W);

impl ModuleVisitor for Across<'_, dyn ErasedVisitor + '_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.tensor(param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.tensor(param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.tensor(param);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.flag(flag);
    }
}

impl ModuleMapper for Across<'_, dyn ErasedMapper + '_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.0.exit(name, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        back(self.0.tensor(Box::new(param)))
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        back(self.0.tensor(Box::new(param)))
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        back(self.0.tensor(Box::new(param)))
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.flag(flag)
    }
}

/// What a mapper gave back, which has the type of what it was given.
fn back<P: 'static>(param: Box<dyn Any>) -> P {
    *param.downcast().expect("a mapper keeps a parameter's type")
}

/// The generic walk on the near side of the pointer.
pub(super) struct ConcreteVisitor<'a, V>(pub &'a mut V);

/// The generic walk on the near side of the pointer.
pub(super) struct ConcreteMapper<'a, M>(pub &'a mut M);

impl<V: ModuleVisitor> ErasedVisitor for ConcreteVisitor<'_, V> {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }

    fn tensor(&mut self, param: &dyn Any) {
        macro_rules! at_ranks {
            ($($rank:literal)+) => {$(
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank>>>() {
                    return self.0.visit_float(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Int>>>() {
                    return self.0.visit_int(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Bool>>>() {
                    return self.0.visit_bool(param);
                }
            )+};
        }
        at_ranks!(1 2 3 4 5 6 7 8);
    }

    fn flag(&mut self, flag: &Param<Flag>) {
        self.0.visit_flag(flag);
    }
}

impl<M: ModuleMapper> ErasedMapper for ConcreteMapper<'_, M> {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }

    fn tensor(&mut self, param: Box<dyn Any>) -> Box<dyn Any> {
        macro_rules! at_ranks {
            ($($rank:literal)+) => {{$(
                let param = match param.downcast::<Param<Tensor<$rank>>>() {
                    Ok(param) => return Box::new(self.0.map_float(*param)),
                    Err(other) => other,
                };
                let param = match param.downcast::<Param<Tensor<$rank, Int>>>() {
                    Ok(param) => return Box::new(self.0.map_int(*param)),
                    Err(other) => other,
                };
                let param = match param.downcast::<Param<Tensor<$rank, Bool>>>() {
                    Ok(param) => return Box::new(self.0.map_bool(*param)),
                    Err(other) => other,
                };
            )+
            param}};
        }
        at_ranks!(1 2 3 4 5 6 7 8)
    }

    fn flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.0.map_flag(flag)
    }
}
