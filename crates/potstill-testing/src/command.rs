//! A folder in which a program is run.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder and the program that is run in it.
pub struct Place {
    folder: TempDir,
    program: PathBuf,
}

impl Place {
    /// An empty folder for the program at this path: `env!("CARGO_BIN_EXE_...")`.
    pub fn new(program: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            program: program.into(),
        }
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, to be started in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder);
        command
    }

    /// What the program does with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn out(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.out(arguments)).unwrap()
    }

    /// What a command says that must fail with this code.
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

/// A file or folder of the shared ones beside the repository, in full (`data/mnist`, `cases/ema`); `None`, with a word, where it is not
/// there.
#[allow(clippy::print_stdout, reason = "a test that skips says so")]
pub fn shared(name: &str) -> Option<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let found = all.join(name).canonicalize().ok();
    if found.is_none() {
        println!("skipped: {} is not here", all.join(name).display());
    }
    found
}
