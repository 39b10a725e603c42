//! The runs that faults are tried on: every method, and what a run can do besides.

/// What is done to the run's folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A new run.
    Train,
    /// A new run in the place of one of another seed.
    Overwrite,
    /// One more epoch of a finished run.
    Extend,
}

/// A small run of a second or so.
pub struct Scenario {
    pub name: &'static str,
    pub act: Act,
    /// Lines of `[train]` besides those of all.
    train: &'static str,
    /// Lines of `[data]` besides those of all.
    data: &'static str,
    /// Entries of `[[methods]]`.
    methods: &'static str,
}

impl Scenario {
    /// Its recipe.
    pub fn recipe(&self) -> String {
        let Self {
            train, data, methods, ..
        } = self;
        let teacher = if methods.is_empty() {
            ""
        } else {
            "[teacher]\nmodel = \"cifar_resnet14\"\nweights = \"random\"\n"
        };
        // Phases have epochs of their own.
        let epochs = if train.contains("phases") {
            ""
        } else {
            "epochs = 3\n"
        };
        format!(
            "version = 1\nname = \"run\"\nseed = 7\n[data]\ntrain = \"shapes:size=16,train=96,test=40,classes=4\"\naugment = [\"flip\"]\n{data}\
             [student]\nmodel = \"cifar_resnet8\"\n{teacher}\
             [train]\n{epochs}batch = 32\noptimizer = {{ kind = \"sgd\", lr = 0.05, momentum = 0.9 }}\n{train}{methods}"
        )
    }
}

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    let plain = |name, train, data| Scenario {
        name,
        act: Act::Train,
        train,
        data,
        methods: "",
    };
    let method = |name, methods| Scenario {
        name,
        act: Act::Train,
        train: "",
        data: "",
        methods,
    };
    vec![
        plain("alone", "", ""),
        plain("validation", "", "validation = 0.25\n"),
        plain("many-saves", "save_every = 1\nkeep = 4\n", ""),
        plain("keep-one", "keep = 1\n", ""),
        Scenario {
            act: Act::Overwrite,
            ..plain("overwrite", "", "")
        },
        Scenario {
            act: Act::Extend,
            ..plain("extend", "schedule = { kind = \"constant\" }\n", "")
        },
        plain(
            "phases",
            "phases = [{ name = \"one\", epochs = 1 }, { name = \"two\", epochs = 2 }]\n",
            "",
        ),
        method("kd", "[[methods]]\nkind = \"kd\"\n"),
        method("dkd", "[[methods]]\nkind = \"dkd\"\n"),
        method("review-kd", "[[methods]]\nkind = \"review-kd\"\n"),
        method("fitnet", "[[methods]]\nkind = \"fitnet\"\n"),
        method("cwd", "[[methods]]\nkind = \"cwd\"\n"),
        method("pkd", "[[methods]]\nkind = \"pkd\"\n"),
        method("mgd", "[[methods]]\nkind = \"mgd\"\n"),
        // A number of its own, variances, a projection that is moved after every update.
        method("ctkd", "[[methods]]\nkind = \"ctkd\"\n"),
        method("vid", "[[methods]]\nkind = \"vid\"\n"),
        method("vkd", "[[methods]]\nkind = \"vkd\"\n"),
        method(
            "tskd",
            "[[methods]]\nkind = \"tskd\"\ninterval = 1\nsnapshots = 2\n",
        ),
        method("ekd", "[[methods]]\nkind = \"ekd\"\n"),
        method("letkd", "[[methods]]\nkind = \"letkd\"\ntemplates = 16\n"),
        method(
            "tst",
            "[[methods]]\nkind = \"tst\"\nbank = { kind = \"trained\", affine_epochs = 1, colour_epochs = 1 }\n",
        ),
    ]
}
