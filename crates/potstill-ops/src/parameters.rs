//! Parameters seen from outside: by path, without their rank.
//!
//! Optimisers, checkpoints, weight files and running statistics all need "every tensor of this module, by name". This is the
//! one door for them. It is object-safe, so that a network and the modules of five quite different methods can stand in one
//! list.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Gradients, Tensor},
};

/// What a tensor of a module is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient descent.
    Weight,
    /// Kept by the module itself: running statistics, and all of a frozen batch norm.
    Buffer,
}

/// The name plate of one tensor of a module.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path with dots, as PyTorch names it: `layer1.0.bn1.running_mean`.
    pub path: String,
    /// Shape as stored, PyTorch's layout.
    pub shape: Vec<usize>,
    /// Weight or buffer.
    pub role: Role,
    /// Identity within this process.
    pub id: ParamId,
}

/// A module whose tensors can be seen and replaced by name. Implemented for every Burn module.
///
/// Tensors are shown flat (`[number of elements]`, row-major) and on the plain device.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_ops::{Linear, Parameters, Scope};
/// use potstill_random::Seed;
///
/// let mut layer = Linear::new(4, 2, &Scope::new(&Device::flex(), Seed::new(0), "example"));
/// let names: Vec<_> = layer.entries().into_iter().map(|entry| (entry.path, entry.shape)).collect();
/// assert_eq!(names[0], ("weight".to_owned(), vec![2, 4]));
/// // Every value is halved in its place.
/// layer.rewrite(&mut |_, value| Some(value * 0.5));
/// ```
pub trait Parameters {
    /// Shows every tensor.
    fn each(&self, see: &mut dyn FnMut(&Entry, Tensor<1>));

    /// Offers every tensor for replacement by one of the same number of elements; `None` keeps it.
    fn rewrite(&mut self, write: &mut dyn FnMut(&Entry, Tensor<1>) -> Option<Tensor<1>>);

    /// As [`rewrite`](Self::rewrite), for the weights that have a gradient, which is taken out of `gradients`. The value that
    /// `write` is given is the only one of its numbers, unless somebody outside the module kept a copy.
    fn update_with_gradients(
        &mut self,
        gradients: &mut Gradients,
        write: &mut dyn FnMut(&Entry, Tensor<1>, Tensor<1>) -> Tensor<1>,
    );

    /// Takes the gradient from every weight that `is_frozen` says: it keeps its value from then on.
    fn freeze(&mut self, is_frozen: &dyn Fn(&Entry) -> bool);

    /// Shows the gradient of every weight that has one.
    fn each_gradient(&self, gradients: &Gradients, see: &mut dyn FnMut(&Entry, Tensor<1>));

    /// Every name plate, in the module's order.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.each(&mut |entry, _| entries.push(entry.clone()));
        entries
    }
}

/// The number of learned numbers of a module (buffers not counted).
pub fn count_trainable(module: &dyn Parameters) -> usize {
    let learned = module
        .entries()
        .into_iter()
        .filter(|entry| entry.role == Role::Weight);
    learned.map(|entry| entry.shape.iter().product::<usize>()).sum()
}

impl<M: Module> Parameters for M {
    fn each(&self, see: &mut dyn FnMut(&Entry, Tensor<1>)) {
        let mut seeing = Seeing {
            path: Path::default(),
            see: &mut |entry, tensor| see(entry, tensor.plain),
        };
        self.visit(&mut seeing);
    }

    fn each_gradient(&self, gradients: &Gradients, see: &mut dyn FnMut(&Entry, Tensor<1>)) {
        let mut seeing = SeeingGradients {
            path: Path::default(),
            gradients,
            see,
        };
        self.visit(&mut seeing);
    }

    fn freeze(&mut self, is_frozen: &dyn Fn(&Entry) -> bool) {
        let mut freezing = Freezing {
            path: Path::default(),
            is_frozen,
        };
        *self = self.clone().map(&mut freezing);
    }

    fn rewrite(&mut self, write: &mut dyn FnMut(&Entry, Tensor<1>) -> Option<Tensor<1>>) {
        let mut writing = Writing {
            path: Path::default(),
            write,
        };
        *self = self.clone().map(&mut writing);
    }

    fn update_with_gradients(
        &mut self,
        gradients: &mut Gradients,
        write: &mut dyn FnMut(&Entry, Tensor<1>, Tensor<1>) -> Tensor<1>,
    ) {
        let mut descending = Updating {
            path: Path::default(),
            gradients,
            write,
        };
        // With empty parameters left behind, the module that is mapped is the only one to hold its numbers, so that they
        // can be moved where they lie.
        let empty = self.clone().map(&mut EmptyParameters);
        *self = std::mem::replace(self, empty).map(&mut descending);
    }
}

/// Takes gradients away.
struct Freezing<'a> {
    path: Path,
    is_frozen: &'a dyn Fn(&Entry) -> bool,
}

impl ModuleMapper for Freezing<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if (self.is_frozen)(&entry(&self.path, &param)) {
            param.set_require_grad(false)
        } else {
            param
        }
    }
}

struct Flat {
    plain: Tensor<1>,
}

struct Seeing<'a> {
    path: Path,
    see: &'a mut dyn FnMut(&Entry, Flat),
}

impl ModuleVisitor for Seeing<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        (self.see)(
            &entry(&self.path, param),
            Flat {
                plain: flat(param.val().inner()),
            },
        );
    }
}

struct SeeingGradients<'a> {
    path: Path,
    gradients: &'a Gradients,
    see: &'a mut dyn FnMut(&Entry, Tensor<1>),
}

impl ModuleVisitor for SeeingGradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            (self.see)(&entry(&self.path, param), flat(gradient));
        }
    }
}

struct Writing<'a> {
    path: Path,
    write: &'a mut dyn FnMut(&Entry, Tensor<1>) -> Option<Tensor<1>>,
}

impl ModuleMapper for Writing<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match (self.write)(&entry(&self.path, &param), flat(param.val().inner())) {
            Some(written) => param.map(|value| replaced(value, |_| written)),
            None => param,
        }
    }
}

struct Updating<'a> {
    path: Path,
    gradients: &'a mut Gradients,
    write: &'a mut dyn FnMut(&Entry, Tensor<1>, Tensor<1>) -> Tensor<1>,
}

impl ModuleMapper for Updating<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad_remove(self.gradients) else {
            return param;
        };
        let entry = entry(&self.path, &param);
        param.map(|value| replaced(value, |value| (self.write)(&entry, value, flat(gradient))))
    }
}

/// Empties every parameter: what is left when a module is taken out of its place for a moment.
struct EmptyParameters;

impl ModuleMapper for EmptyParameters {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| Tensor::empty([0; D], &value.device()))
    }
}

/// The parameter with its value written anew, given and taken flat on the plain device. A parameter must stay a leaf of the
/// graph, or it would silently get no gradient: leave the graph, come back.
fn replaced<const D: usize>(value: Tensor<D>, write: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Tensor<D> {
    let (tracked, on_autodiff) = (value.is_require_grad(), value.is_autodiff());
    let shape = value.shape();
    let written = write(flat(value.inner())).inner().reshape(shape);
    if on_autodiff {
        written.autodiff().set_require_grad(tracked)
    } else {
        written
    }
}

/// What a walk calls the container of a running statistic whose name does not say that it is one.
pub const STATISTICS: &str = "Statistics";

/// Where a walk through a module is: fields and indices, as PyTorch counts them, and what each stands in. Which variant of an enum stands
/// there is no part of it.
#[derive(Default)]
struct Path(Vec<(String, Container)>);

/// What is to be known of a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    BatchNorm,
    Statistics,
    Other,
}

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        if !is_enum(container) {
            let kind = match container {
                "Struct:BatchNorm" => Container::BatchNorm,
                STATISTICS => Container::Statistics,
                _ => Container::Other,
            };
            self.0.push((name.into(), kind));
        }
    }

    fn exit(&mut self, container: &str) {
        if !is_enum(container) {
            self.0.pop();
        }
    }

    fn joined(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.join(".")
    }

    fn is_in(&self, container: Container) -> bool {
        self.0.last().is_some_and(|(_, kind)| *kind == container)
    }
}

/// Burn calls the container of a variant `Enum:TypeName`.
fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}

fn entry<const D: usize>(path: &Path, param: &Param<Tensor<D>>) -> Entry {
    let name = path.joined();
    let is_statistic =
        name.ends_with("running_mean") || name.ends_with("running_var") || path.is_in(Container::Statistics);
    // A frozen batch norm can be told apart where gradients are kept at all.
    let value = param.val();
    let is_frozen = path.is_in(Container::BatchNorm) && value.is_autodiff() && !value.is_require_grad();
    Entry {
        path: name,
        shape: param.lazy_shape().iter().copied().collect(),
        role: if is_statistic || is_frozen {
            Role::Buffer
        } else {
            Role::Weight
        },
        id: param.id,
    }
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    tensor.reshape([-1])
}
