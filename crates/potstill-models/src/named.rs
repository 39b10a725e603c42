//! A module whose tensors stand under a path that is known at run time only.
//!
//! Burn's derived walks name a tensor by the fields on the way to it. The parts of a model have no such fixed
//! names: the same backbone stands at the top of a classification network and below `backbone` in a
//! segmenter, and a classifier is called `fc` here and `classifier.1` there.

use burn::{
    module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::Device,
};

/// What the walks of Burn call this container.
const CONTAINER: &str = "Named";

/// A module with the path below which its tensors stand, such as `backbone` or `classifier.1`. With an empty
/// path they stand where the module around it stands.
///
/// The module lies on the heap: a network is some ten thousand bytes of handles, and every copy of a model on a thread's small stack counts.
#[derive(Debug, Clone)]
pub(crate) struct Named<M> {
    path: String,
    module: Box<M>,
}

impl<M> Named<M> {
    /// The module under this path.
    pub fn new(path: impl Into<String>, module: M) -> Self {
        Self {
            path: path.into(),
            module: Box::new(module),
        }
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The module.
    pub fn get(&self) -> &M {
        &self.module
    }

    /// The module, taken out.
    pub fn into_inner(self) -> M {
        *self.module
    }

    fn on_module(self, change: impl FnOnce(M) -> M) -> Self {
        Self::new(self.path, change(*self.module))
    }
}

impl<M: Module> Module for Named<M> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.module.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.on_module(|module| module.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.on_module(|module| module.to_device(device))
    }

    fn train(self) -> Self {
        self.on_module(Module::train)
    }

    fn valid(&self) -> Self {
        Self::new(&self.path, self.module.valid())
    }

    fn materialize(self) -> Self {
        self.on_module(Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if self.path.is_empty() {
            return self.module.visit(visitor);
        }
        visitor.enter_module(&self.path, CONTAINER);
        self.module.visit(visitor);
        visitor.exit_module(&self.path, CONTAINER);
    }

    fn map<V: ModuleMapper>(self, mapper: &mut V) -> Self {
        let Self { path, module } = self;
        if path.is_empty() {
            return Self::new(path, (*module).map(mapper));
        }
        mapper.enter_module(&path, CONTAINER);
        let module = (*module).map(mapper);
        mapper.exit_module(&path, CONTAINER);
        Self::new(path, module)
    }
}

impl<M: Module> ModuleDisplayDefault for Named<M> {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl<M: Module> ModuleDisplay for Named<M> {}

/// Implements Burn's `Module` for a struct that adds nothing to the paths of its parts, where the derived
/// form adds each field's name. The fields after `with` have no tensors.
macro_rules! module_of_parts {
    ($type:ty { $($part:ident),+ } with { $($kept:ident),* }) => {
        impl burn::module::Module for $type {
            fn collect_devices(&self, devices: Vec<burn::tensor::Device>) -> Vec<burn::tensor::Device> {
                $(let devices = burn::module::Module::collect_devices(&self.$part, devices);)+
                devices
            }

            fn fork(self, device: &burn::tensor::Device) -> Self {
                Self { $($part: burn::module::Module::fork(self.$part, device),)+ $($kept: self.$kept,)* }
            }

            fn to_device(self, device: &burn::tensor::Device) -> Self {
                Self { $($part: burn::module::Module::to_device(self.$part, device),)+ $($kept: self.$kept,)* }
            }

            fn train(self) -> Self {
                Self { $($part: burn::module::Module::train(self.$part),)+ $($kept: self.$kept,)* }
            }

            fn valid(&self) -> Self {
                Self { $($part: burn::module::Module::valid(&self.$part),)+ $($kept: self.$kept.clone(),)* }
            }

            fn materialize(self) -> Self {
                Self { $($part: burn::module::Module::materialize(self.$part),)+ $($kept: self.$kept,)* }
            }

            fn visit<V: burn::module::ModuleVisitor>(&self, visitor: &mut V) {
                $(burn::module::Module::visit(&self.$part, visitor);)+
            }

            fn map<V: burn::module::ModuleMapper>(self, mapper: &mut V) -> Self {
                Self { $($part: burn::module::Module::map(self.$part, mapper),)+ $($kept: self.$kept,)* }
            }
        }

        impl burn::module::ModuleDisplayDefault for $type {
            fn content(&self, content: burn::module::Content) -> Option<burn::module::Content> {
                Some(content)
            }
        }

        impl burn::module::ModuleDisplay for $type {}
    };
}
pub(crate) use module_of_parts;
