//! Where a network was asked for: there stands the flag or the key that mends what is wrong.

use std::path::Path;

use potstill_settings::Shortcut;

/// Where a network was asked for, so that a message can name the flag or the key to set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Asked {
    /// By a program.
    #[default]
    Program,
    /// On the command line.
    CommandLine,
    /// In a recipe, in this table: `student`, `teacher` or `teachers.NAME`.
    Recipe(String),
}

impl Asked {
    /// How this shortcut is asked for.
    pub(crate) fn shortcut(&self, shortcut: Shortcut) -> String {
        match self {
            Self::Program => format!("shortcut \"{shortcut}\""),
            Self::CommandLine => format!("`--shortcut {shortcut}`"),
            Self::Recipe(table) => format!("`{table}.shortcut = \"{shortcut}\"`"),
        }
    }

    /// How the tensors below this prefix of a file are asked for.
    pub(crate) fn prefix(&self, file: &Path, prefix: &str) -> String {
        match self {
            Self::Program => format!("prefix \"{prefix}\""),
            Self::CommandLine if prefix.is_empty() => "`--prefix \"\"`".into(),
            Self::CommandLine => format!("`--prefix {prefix}`"),
            Self::Recipe(table) => {
                let file = file.display();
                format!("`{table}.weights = {{ file = \"{file}\", prefix = \"{prefix}\" }}`")
            }
        }
    }

    /// How all but the head of a file is asked for. The command line measures networks as they are and has no
    /// such flag.
    pub(crate) fn new_head(&self) -> Option<String> {
        match self {
            Self::Program => Some("a new head".into()),
            Self::CommandLine => None,
            Self::Recipe(table) => Some(format!("`{table}.head = \"new\"`")),
        }
    }
}
