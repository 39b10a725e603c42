//! One scenario: the run without faults, and the runs with one.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use super::{
    CALLS, Counts,
    compare::{difference, left_over},
    scenarios::{Act, Scenario},
};

/// A scenario in a folder of its own, with the run without faults.
pub struct Bench<'a> {
    binary: &'a Path,
    pub place: PathBuf,
    scenario: &'a Scenario,
}

impl<'a> Bench<'a> {
    /// With the run without faults, which must succeed.
    pub fn new(binary: &'a Path, place: &Path, scenario: &'a Scenario) -> io::Result<Self> {
        fs::create_dir_all(place)?;
        fs::write(place.join("run.toml"), scenario.recipe())?;
        let bench = Self {
            binary,
            place: place.to_owned(),
            scenario,
        };
        bench.prepare("whole")?;
        bench.done(&bench.act("whole"))?;
        Ok(bench)
    }

    /// What is there before the act, in an empty folder of runs, with an empty cache.
    fn prepare(&self, runs: &str) -> io::Result<()> {
        for folder in [runs, "cache"] {
            let _ = fs::remove_dir_all(self.place.join(folder));
        }
        let mut before = train(runs);
        match self.scenario.act {
            Act::Train => return Ok(()),
            Act::Overwrite => before.push("seed=8".into()),
            Act::Extend => {}
        }
        self.done(&before)
    }

    /// The act on which faults are tried.
    fn act(&self, runs: &str) -> Vec<String> {
        let mut arguments = train(runs);
        match self.scenario.act {
            Act::Train => {}
            Act::Overwrite => arguments.push("--overwrite".into()),
            Act::Extend => {
                arguments[1] = format!("{runs}/run");
                arguments.extend(["--extend".into(), "1".into()]);
            }
        }
        arguments
    }

    /// What a user does after the fault.
    fn mend(&self, runs: &str) -> io::Result<Output> {
        let mut resume = train(runs);
        resume.push("--resume".into());
        match self.scenario.act {
            Act::Train => self.potstill(&resume).output(),
            Act::Overwrite => {
                let resumed = self.potstill(&resume).output()?;
                // The run of before is there still, or what is left of it: both are said.
                let is_old = ["another recipe", "`--overwrite`"].map(|words| said(&resumed).contains(words));
                if resumed.status.success() || !is_old.contains(&true) {
                    return Ok(resumed);
                }
                self.potstill(&self.act(runs)).output()
            }
            Act::Extend => {
                let there = self.place.join(runs).join("run");
                resume[1] = format!("{runs}/run");
                if !is_extended(&there)? {
                    return self.potstill(&self.act(runs)).output();
                }
                self.potstill(&resume).output()
            }
        }
    }

    /// Runs the binary, which must succeed.
    fn done(&self, arguments: &[String]) -> io::Result<()> {
        let output = self.potstill(arguments).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{}: {}",
            self.scenario.name,
            said(&output)
        )))
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
        command.arg(self.binary).args(self.act(runs));
        self.inside(&mut command);
        command.output()
    }

    /// How often the busiest thread makes each call; strace counts the calls of each thread, and of each name, by itself.
    pub fn calls(&self) -> io::Result<BTreeMap<&'static str, usize>> {
        // With an empty cache, as in the runs with faults.
        self.prepare("counted")?;
        let counted = self.traced("counted", &["-e".into(), format!("trace={}", CALLS.join(","))])?;
        if !counted.status.success() {
            let said = said(&counted);
            return Err(io::Error::other(format!(
                "{}, while calls were counted: {said}",
                self.scenario.name
            )));
        }
        Ok(busiest(&self.trace()?))
    }

    fn trace(&self) -> io::Result<String> {
        fs::read_to_string(self.place.join("trace"))
    }

    /// Runs with a fault, resumes, and looks at what came of it. The fault misses where another thread is the busiest this time.
    pub fn inject(&self, fault: &str, counts: &mut Counts) -> io::Result<()> {
        let _ = fs::remove_dir_all(self.place.join("best"));
        self.prepare("faulted")?;
        let name = fault.split(':').next().unwrap_or_default();
        let options = [
            "-e".to_owned(),
            format!("trace={name}"),
            "-e".to_owned(),
            format!("inject={fault}"),
        ];
        let output = self.traced("faulted", &options)?;
        if !is_hit(&self.trace()?, output.status.code()) {
            counts.missed.push(format!("{}, {fault}", self.scenario.name));
            return Ok(());
        }
        let finished = output.status.success();
        let mut problem = None;
        // A run that fails says why; one that is killed cannot.
        if output.status.code() == Some(1) && !said(&output).starts_with("error: ") {
            problem = Some(format!("ended without a word: {}", said(&output)));
        }
        if said(&output).contains("panicked") {
            problem = Some(said(&output));
        }
        let resumed = self.mend("faulted")?;
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

/// The most calls of each name that one thread makes in a trace.
fn busiest(trace: &str) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for call in CALLS {
        let mut threads: BTreeMap<&str, usize> = BTreeMap::new();
        for line in trace.lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            if rest.trim_start().split('(').next() == Some(call) {
                *threads.entry(thread).or_default() += 1;
            }
        }
        if let Some(&most) = threads.values().max() {
            found.insert(call, most);
        }
    }
    found
}

/// Whether a fault came to a call: strace says so of a call that it lets fail, and a process that was killed has no exit code.
fn is_hit(trace: &str, code: Option<i32>) -> bool {
    code.is_none() || trace.contains("(INJECTED)")
}

/// The arguments of a run below a folder of runs.
fn train(runs: &str) -> Vec<String> {
    ["train", "run.toml", "-q", "--runs", runs]
        .map(str::to_owned)
        .to_vec()
}

/// Whether the recipe in a run's folder is that of the longer run: then the extension is resumed, and before that it is asked for again.
fn is_extended(run: &Path) -> io::Result<bool> {
    let recipe = fs::read_to_string(run.join("recipe.toml"))?;
    Ok(recipe.lines().any(|line| line.trim() == "epochs = 4"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{busiest, is_hit};

    #[test]
    fn calls_are_counted_by_thread_and_by_name() {
        let trace = "\
7  openat(AT_FDCWD, \"a\", O_RDONLY) = 3
7  rename(\"a\", \"b\") = 0
8  renameat2(AT_FDCWD, \"c\", AT_FDCWD, \"d\", 0) = 0
8  openat(AT_FDCWD, \"e\", O_RDONLY <unfinished ...>
7  rename(\"b\", \"c\") = 0
8  <... openat resumed>) = 4
8  +++ exited with 0 +++
";
        let found = busiest(trace);
        let found: Vec<_> = found.into_iter().collect();
        assert_eq!(found, [("openat", 1), ("rename", 2), ("renameat2", 1)]);
    }

    #[test]
    fn a_fault_that_no_call_met_is_a_miss() {
        let failed = "7  fsync(5) = -1 EIO (Input/output error) (INJECTED)\n";
        assert!(is_hit(failed, Some(1)) && is_hit(failed, Some(0)));
        assert!(is_hit("7  write(5, \"\", 1 <unfinished ...>\n", None));
        assert!(!is_hit("7  fsync(5) = 0\n", Some(0)));
    }
}
