//! `cargo xtask faults`: runs that are killed, and whose disk is full or broken, at the system calls of a save.
//!
//! A scenario is run once as it is. Then, for each kind of system call that writes, it is run again and again, with a fault at the first,
//! at the last and at some of the calls between, by `strace -e inject`: the process is killed, or the call fails. What is left is resumed
//! without faults, and must come to what the run without faults came to: the same weights, metrics and student, one event for an epoch,
//! the best epoch's student under `export --best`, and no file of a killed write.

mod compare;
mod scenarios;

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use self::{
    compare::{difference, left_over},
    scenarios::{Scenario, scenarios},
};

/// The system calls of a save.
const CALLS: [&str; 12] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "fchmod",
    "rename,renameat,renameat2",
    "link,linkat",
    "unlink,unlinkat",
    "mkdir,mkdirat",
    "ftruncate",
    "flock",
    "copy_file_range",
];
/// What is done to a call.
const FAULTS: [(&str, &str); 3] = [
    ("killed", "signal=KILL"),
    ("disk full", "error=ENOSPC"),
    ("disk broken", "error=EIO"),
];

/// How a faulted run ended, and what came of it.
#[derive(Default)]
struct Counts {
    /// The fault hit a call that does not matter: the run came to its end.
    tolerated: usize,
    /// Killed, or ended with code 1 and a message; resumed to the same end.
    mended: usize,
    /// Anything else.
    lost: Vec<String>,
}

/// Runs every scenario with so many faults of each kind at each call; a first argument that is a number says how many (3 if not given), others name the scenarios.
/// The binary is `POTSTILL_BIN`, or a release build.
pub fn faults(arguments: &[String]) -> bool {
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("faults are injected by strace, which is not installed here");
        return false;
    }
    let each = arguments.first().and_then(|first| first.parse().ok());
    let named = &arguments[usize::from(each.is_some())..];
    match all(each.unwrap_or(3), named) {
        Ok(good) => good,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}

fn all(each: usize, named: &[String]) -> io::Result<bool> {
    let binary = binary()?;
    let place = env::temp_dir().join(format!("potstill-faults-{}", std::process::id()));
    let (mut injected, mut lost) = (0, Vec::new());
    println!(
        "{:<16} {:<12} {:>8} {:>10} {:>8} {:>6}",
        "scenario", "fault", "injected", "tolerated", "mended", "lost"
    );
    for scenario in scenarios() {
        if !named.is_empty() && !named.iter().any(|name| name == scenario.name) {
            continue;
        }
        let bench = Bench::new(&binary, &place.join(scenario.name), &scenario)?;
        let calls = bench.calls()?;
        for (name, inject) in FAULTS {
            let mut counts = Counts::default();
            for (call, &made) in &calls {
                for when in spread(made, each) {
                    bench.inject(&format!("{call}:{inject}:when={when}"), &mut counts)?;
                }
            }
            let all = counts.tolerated + counts.mended + counts.lost.len();
            println!(
                "{:<16} {name:<12} {all:>8} {:>10} {:>8} {:>6}",
                scenario.name,
                counts.tolerated,
                counts.mended,
                counts.lost.len()
            );
            injected += all;
            lost.append(&mut counts.lost);
        }
        fs::remove_dir_all(&bench.place)?;
    }
    for one in &lost {
        println!("lost: {one}");
    }
    println!("{injected} faults, {} runs lost", lost.len());
    Ok(lost.is_empty())
}

/// The binary that is tried.
fn binary() -> io::Result<PathBuf> {
    if let Some(binary) = env::var_os("POTSTILL_BIN") {
        return fs::canonicalize(binary);
    }
    let built = Command::new("cargo").args(["build", "--release"]).status()?;
    if !built.success() {
        return Err(io::Error::other("the release build failed"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(root.join("target/release/potstill"))
}

/// So many of the numbers from 1 to `made`, the first and the last among them.
fn spread(made: usize, each: usize) -> Vec<usize> {
    let each = each.min(made);
    let at = |index: usize| 1 + index * (made - 1) / (each - 1).max(1);
    let mut all: Vec<usize> = (0..each).map(at).collect();
    if each == 1 {
        all = vec![made];
    }
    all.dedup();
    all
}

/// A scenario in a folder of its own, with the run without faults.
struct Bench<'a> {
    binary: &'a Path,
    place: PathBuf,
    scenario: &'a Scenario,
}

impl<'a> Bench<'a> {
    fn new(binary: &'a Path, place: &Path, scenario: &'a Scenario) -> io::Result<Self> {
        fs::create_dir_all(place)?;
        fs::write(place.join("run.toml"), scenario.recipe())?;
        let bench = Self {
            binary,
            place: place.to_owned(),
            scenario,
        };
        let whole = bench.potstill(&train("whole", false)).output()?;
        if !whole.status.success() {
            return Err(io::Error::other(format!("{}: {}", scenario.name, said(&whole))));
        }
        Ok(bench)
    }

    fn potstill(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(arguments);
        self.inside(&mut command);
        command
    }

    fn inside(&self, command: &mut Command) {
        command
            .current_dir(&self.place)
            .env("POTSTILL_CACHE", self.place.join("cache"))
            .stdin(Stdio::null());
    }

    /// The run under strace, with these options.
    fn traced(&self, runs: &str, options: &[String]) -> io::Result<Output> {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "trace"]).args(options);
        command.arg(self.binary).args(train(runs, false));
        self.inside(&mut command);
        command.output()
    }

    /// How often the busiest thread makes each call; strace counts the calls of each thread by itself.
    fn calls(&self) -> io::Result<BTreeMap<&'static str, usize>> {
        let names: Vec<&str> = CALLS.iter().flat_map(|call| call.split(',')).collect();
        self.traced("counted", &["-e".into(), format!("trace={}", names.join(","))])?;
        let trace = fs::read_to_string(self.place.join("trace"))?;
        let mut found = BTreeMap::new();
        for call in CALLS {
            let mut threads: BTreeMap<&str, usize> = BTreeMap::new();
            for line in trace.lines() {
                let Some((thread, rest)) = line.split_once(' ') else {
                    continue;
                };
                let name = rest.trim_start().split('(').next().unwrap_or_default();
                if call.split(',').any(|one| one == name) {
                    *threads.entry(thread).or_default() += 1;
                }
            }
            if let Some(&most) = threads.values().max() {
                found.insert(call, most);
            }
        }
        Ok(found)
    }

    /// Runs with a fault, resumes, and looks at what came of it.
    fn inject(&self, fault: &str, counts: &mut Counts) -> io::Result<()> {
        for folder in ["faulted", "best", "cache"] {
            let _ = fs::remove_dir_all(self.place.join(folder));
        }
        let names = fault.split(':').next().unwrap_or_default();
        let options = [
            "-e".to_owned(),
            format!("trace={names}"),
            "-e".to_owned(),
            format!("inject={fault}"),
        ];
        let output = self.traced("faulted", &options)?;
        let finished = output.status.success();
        let mut problem = None;
        // A run that fails says why; one that is killed cannot.
        if output.status.code() == Some(1) && !said(&output).starts_with("error: ") {
            problem = Some(format!("ended without a word: {}", said(&output)));
        }
        if said(&output).contains("panicked") {
            problem = Some(said(&output));
        }
        let resumed = self.potstill(&train("faulted", true)).output()?;
        if !resumed.status.success() {
            problem = Some(format!("cannot be resumed: {}", said(&resumed)));
        }
        match problem.or_else(|| self.other_end().unwrap_or_else(|error| Some(error.to_string()))) {
            Some(problem) => counts
                .lost
                .push(format!("{}, {fault}: {problem}", self.scenario.name)),
            None if finished => counts.tolerated += 1,
            None => counts.mended += 1,
        }
        Ok(())
    }

    /// In what the resumed run differs from the one without faults.
    fn other_end(&self) -> io::Result<Option<String>> {
        let [whole, faulted] = ["whole", "faulted"].map(|runs| self.place.join(runs).join("run"));
        if let Some(found) = difference(&whole, &faulted)? {
            return Ok(Some(found));
        }
        if let Some(name) = left_over(&faulted)? {
            return Ok(Some(format!("{name} is left")));
        }
        let students = [("whole", "best-whole"), ("faulted", "best")];
        let mut bytes = Vec::new();
        for (runs, out) in students {
            let run = format!("{runs}/run");
            let arguments = ["export", &run, "--best", "--out", out].map(str::to_owned);
            let exported = self.potstill(&arguments).output()?;
            if !exported.status.success() {
                return Ok(Some(format!("the best cannot be exported: {}", said(&exported))));
            }
            bytes.push(fs::read(self.place.join(out).join("model.safetensors"))?);
        }
        Ok((bytes[0] != bytes[1]).then(|| "another student is exported as the best".into()))
    }
}

/// The arguments of a run below a folder of runs.
fn train(runs: &str, resume: bool) -> Vec<String> {
    let mut arguments = vec![
        "train".into(),
        "run.toml".into(),
        "-q".into(),
        "--runs".into(),
        runs.into(),
    ];
    if resume {
        arguments.push("--resume".into());
    }
    arguments
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
