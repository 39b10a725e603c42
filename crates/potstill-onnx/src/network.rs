//! An ONNX file, ready to run.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    Array, OnnxError,
    budget::Finished,
    graph::{Graph, Node},
    images::{pictured, takes_images},
};
use rten::{
    LoadError, LoadErrorKind, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView,
    ValueView,
};

/// Protocol Buffers end here.
pub(crate) const MOST_BYTES: u64 = 2 << 30;

/// An ONNX file that takes images `[N, C, H, W]` and gives logits.
pub struct OnnxNetwork {
    pub(crate) file: PathBuf,
    pub(crate) graph: Graph,
    model: Model,
    images: NodeId,
    threads: Arc<ThreadPool>,
    /// `[N, C, H, W]` as the file declares it, an open dimension as none.
    takes: [Option<usize>; 4],
    logits: Option<String>,
    /// What is computed, by name.
    nodes: HashMap<String, NodeId>,
    /// The numbers of the most images that were run operator by operator.
    tried: AtomicUsize,
    /// What the largest run operator by operator took.
    pub(crate) finished: Mutex<Option<Finished>>,
}

impl OnnxNetwork {
    /// Opens a file; weights beside it (`model.onnx.data`) are found. `logits` names the tensor of logits; without it the file's first
    /// output is meant.
    ///
    /// # Errors
    /// A file that is missing, broken or no ONNX, an operator that there is no code for, an input that takes no images, a name that no
    /// tensor has.
    pub fn open(file: &Path, logits: Option<&str>) -> Result<Self, OnnxError> {
        let unreadable = |reason: String| OnnxError::Unreadable {
            file: file.into(),
            reason,
        };
        let bytes =
            potstill_base::read_file(file, MOST_BYTES).map_err(|error| unreadable(error.to_string()))?;
        let graph = Graph::parse(&bytes, file).map_err(unreadable)?;
        drop(bytes);
        Self::of(file, graph, logits, |options| options.load_file(file))
    }

    /// The same of the bytes of a file, in which all weights are.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_bytes(file: &Path, bytes: Vec<u8>, logits: Option<&str>) -> Result<Self, OnnxError> {
        let graph = Graph::parse(&bytes, file).map_err(|reason| OnnxError::Unreadable {
            file: file.into(),
            reason,
        })?;
        Self::of(file, graph, logits, |options| options.load(bytes))
    }

    fn of(
        file: &Path,
        graph: Graph,
        logits: Option<&str>,
        load: impl FnOnce(&ModelOptions) -> Result<Model, LoadError>,
    ) -> Result<Self, OnnxError> {
        let takes = takes_images(file, &graph.inputs)?;
        // Fused operators hide the tensors between them, and are not faster: 8 images of 224x224 take ResNet-50 0.43 s and ViT-Ti 0.14 s
        // with and without (2 cores).
        let mut options = ModelOptions::with_all_ops();
        options.enable_optimization(false).prepack_weights(true);
        let model = load(&options).map_err(|error| refusal(file, &error))?;
        let images = *model.input_ids().first().ok_or_else(|| OnnxError::Unreadable {
            file: file.into(),
            reason: "it takes nothing".into(),
        })?;
        let computed = graph.computed();
        let nodes = computed.filter_map(|name| Some((name.to_owned(), model.find_node(name)?)));
        let network = Self {
            file: file.into(),
            nodes: nodes.collect(),
            tried: AtomicUsize::new(0),
            finished: Mutex::new(None),
            graph,
            model,
            images,
            threads: Arc::new(ThreadPool::with_num_threads(rayon::current_num_threads())),
            takes,
            logits: logits.map(str::to_owned),
        };
        network.tensor(network.logits())?;
        Ok(network)
    }

    /// The name of the images among its tensors.
    pub(crate) fn input_name(&self) -> &str {
        self.graph.inputs.first().map_or("", |input| input.name.as_str())
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The name of the tensor of logits.
    pub fn logits(&self) -> &str {
        let first = self.graph.outputs.first().map_or("", String::as_str);
        self.logits.as_deref().unwrap_or(first)
    }

    /// The names of the file's outputs.
    pub fn outputs(&self) -> &[String] {
        &self.graph.outputs
    }

    /// Looks for a tensor that the file computes.
    ///
    /// # Errors
    /// [`OnnxError::NoTensor`] with the nearest name.
    pub fn find(&self, name: &str) -> Result<(), OnnxError> {
        self.tensor(name).map(|_| ())
    }

    /// The operator that makes probabilities of logits, if a tensor comes out of one, and the tensor that goes in. What only moves numbers
    /// about may stand behind it.
    pub fn activation_before(&self, name: &str) -> Option<(&str, &str)> {
        let mut maker = self.graph.maker(name)?;
        // A file whose operators go round in a circle is refused elsewhere.
        for _ in 0..self.graph.nodes.len() {
            let before = maker.inputs.first()?;
            match maker.kind.as_str() {
                "Softmax" | "LogSoftmax" | "Sigmoid" => return Some((maker.kind.as_str(), before.as_str())),
                "Identity" | "Cast" | "Dropout" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze"
                | "Transpose" => maker = self.graph.maker(before)?,
                _ => return None,
            }
        }
        None
    }

    /// Why a tensor cannot be the logits.
    pub fn no_logits(&self, name: &str, reason: String) -> OnnxError {
        OnnxError::NoLogits {
            file: self.file.clone(),
            name: name.into(),
            reason,
        }
    }

    /// Image channels; none if the file leaves them open.
    pub fn channels(&self) -> Option<usize> {
        self.takes[1]
    }

    /// Height and width of the images; none where the file leaves it open.
    pub fn size(&self) -> [Option<usize>; 2] {
        [self.takes[2], self.takes[3]]
    }

    /// The number of images that the file was made for; none if it takes any.
    pub(crate) fn fixed_batch(&self) -> Option<usize> {
        self.takes[0]
    }

    /// The tensors that the file computes last, the very last one first.
    fn last_computed(&self) -> impl Iterator<Item = &str> {
        let computed: Vec<_> = self.graph.computed().collect();
        computed.into_iter().rev().take(3)
    }

    /// Trainable parameters: all floating-point weights but the running statistics of batch norms.
    pub fn parameters(&self) -> usize {
        self.graph.parameters()
    }

    /// Computes the tensors called `names` for images `[N, C, H, W]`, in the order of the names. A file made for a fixed number of
    /// images is run as often as it takes, the last time on repeated images.
    ///
    /// # Errors
    /// Images that do not fit, a name that no tensor has, an operator that fails, a tensor that holds no floats.
    pub fn run(&self, images: &Array, names: &[&str]) -> Result<Vec<Array>, OnnxError> {
        self.check(&images.shape)?;
        let nodes = names
            .iter()
            .map(|name| self.tensor(name))
            .collect::<Result<Vec<_>, _>>()?;
        let count = images.shape[0];
        let Some(fixed) = self.takes[0].filter(|&fixed| fixed != count) else {
            let values = self.compute(images, names, &nodes)?;
            return self.floats(values, names);
        };
        let mut whole: Vec<Array> = Vec::new();
        for start in (0..count).step_by(fixed) {
            let kept = fixed.min(count - start);
            let values = self.compute(&images.rows(start, fixed), names, &nodes)?;
            let parts = self.floats(values, names)?;
            if whole.is_empty() {
                whole = parts.iter().map(Array::emptied).collect();
            }
            for ((whole, part), name) in whole.iter_mut().zip(&parts).zip(names) {
                if part.shape.first() != Some(&fixed) {
                    let reason = format!("`{name}` is {:?}, which is not one row an image", part.shape);
                    return Err(self.failure(images, reason));
                }
                whole.append(part, kept);
            }
        }
        Ok(whole)
    }

    /// Computes whatever the tensors of these names hold: operator by operator where no run of so many images has shown yet what
    /// they take.
    fn compute(&self, images: &Array, names: &[&str], nodes: &[NodeId]) -> Result<Vec<Value>, OnnxError> {
        if images.values.len() > self.tried.load(Ordering::Relaxed) {
            let found = self.stepwise(images, names)?;
            self.tried.fetch_max(images.values.len(), Ordering::Relaxed);
            return Ok(found.kept);
        }
        self.at_once(images, nodes)
    }

    /// Runs one operator on the tensors that there are.
    pub(crate) fn one_step(
        &self,
        images: &Array,
        input: &str,
        node: &Node,
        live: &HashMap<&str, Value>,
        outputs: &[(&str, NodeId)],
    ) -> Result<Vec<Value>, OnnxError> {
        let view = ValueView::from_shape(&images.shape, &images.values)
            .map_err(|error| self.failure(images, error.to_string()))?;
        let mut given = Vec::new();
        for name in node.reads() {
            if name == input {
                given.push((self.images, ValueOrView::View(view.clone())));
            } else if let (Some(id), Some(value)) = (self.node(name), live.get(name)) {
                given.push((id, ValueOrView::View(value.as_view())));
            }
        }
        given.sort_by_key(|(id, _)| *id);
        given.dedup_by_key(|(id, _)| *id);
        let ids: Vec<NodeId> = outputs.iter().map(|(_, id)| *id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        self.model
            .run(given, &ids, Some(options))
            .map_err(|error| self.failure(images, error.to_string()))
    }

    /// Runs the file as a whole.
    fn at_once(&self, images: &Array, nodes: &[NodeId]) -> Result<Vec<Value>, OnnxError> {
        let view = ValueView::from_shape(&images.shape, &images.values)
            .map_err(|error| self.failure(images, error.to_string()))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        self.model
            .run(vec![(self.images, ValueOrView::View(view))], nodes, Some(options))
            .map_err(|error| self.failure(images, error.to_string()))
    }

    fn floats(&self, values: Vec<Value>, names: &[&str]) -> Result<Vec<Array>, OnnxError> {
        let arrays = values.into_iter().zip(names).map(|(value, name)| {
            Array::of(value).ok_or_else(|| OnnxError::NoTensor {
                file: self.file.clone(),
                name: (*name).into(),
                hint: "the tensor of this name holds no floats".into(),
            })
        });
        arrays.collect()
    }

    /// The tensor called `name`.
    pub(crate) fn tensor(&self, name: &str) -> Result<NodeId, OnnxError> {
        // `rten` knows operators and weights by name, too; only what is computed can be asked for.
        self.node(name).ok_or_else(|| {
            let hint = match potstill_base::nearest(name, self.graph.computed()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("its last are {}", potstill_base::quoted(self.last_computed())),
            };
            OnnxError::NoTensor {
                file: self.file.clone(),
                name: name.into(),
                hint,
            }
        })
    }

    /// The tensor of this name, if it is computed.
    pub(crate) fn node(&self, name: &str) -> Option<NodeId> {
        self.nodes.get(name).copied()
    }

    /// Whether the file takes images of this shape `[N, C, H, W]`, of any N.
    ///
    /// # Errors
    /// [`OnnxError::Images`] with what it takes.
    pub fn check(&self, shape: &[usize]) -> Result<(), OnnxError> {
        let [_, c, h, w] = self.takes;
        let fits =
            |takes: Option<usize>, given: Option<&usize>| takes.is_none_or(|takes| given == Some(&takes));
        if shape.len() == 4 && fits(c, shape.get(1)) && fits(h, shape.get(2)) && fits(w, shape.get(3)) {
            return Ok(());
        }
        let advice = if fits(c, shape.get(1)) {
            "resize or crop the images (`data.augment`), or export the file with open height and width (`dynamic_axes`)"
        } else {
            "grey and coloured images cannot stand for each other"
        };
        let open = |size: Option<usize>| size.map_or("any".into(), |size| size.to_string());
        Err(OnnxError::Images {
            file: self.file.clone(),
            expected: format!("{}x{} with {} channels", open(h), open(w), open(c)),
            given: pictured(shape),
            advice,
        })
    }

    pub(crate) fn failure(&self, images: &Array, reason: String) -> OnnxError {
        OnnxError::Run {
            file: self.file.clone(),
            count: images.shape.first().copied().unwrap_or(0),
            images: pictured(&images.shape),
            reason,
        }
    }
}

/// Why `rten` does not load a file that could be parsed.
fn refusal(file: &Path, error: &LoadError) -> OnnxError {
    let (file, reason) = (file.to_owned(), error.to_string());
    match error.kind() {
        LoadErrorKind::OperatorInvalid | LoadErrorKind::GraphError => OnnxError::Operator { file, reason },
        _ => OnnxError::Unreadable { file, reason },
    }
}

impl fmt::Debug for OnnxNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxNetwork")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
