//! The page of the command line: the help of every command.

use super::{Error, Program, page};

const HEAD: &str = "\
# The command line

What `potstill --help` and `potstill COMMAND --help` print.

";

/// The whole page.
pub fn page(program: &Program) -> Result<String, Error> {
    let mut parts = vec![page::GENERATED.to_owned() + HEAD];
    command(program, &[], &mut parts)?;
    Ok(parts.concat())
}

/// The help of a command, then that of the commands below it.
fn command(program: &Program, path: &[&str], parts: &mut Vec<String>) -> Result<(), Error> {
    let help = program.text(&[path, &["--help"]].concat())?;
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let name = [&["potstill"], path].concat().join(" ");
    let help = lines.join("\n");
    parts.push(format!("## `{name}`\n\n```text\n{}\n```\n\n", help.trim_end()));
    for below in commands(&lines) {
        command(program, &[path, &[below]].concat(), parts)?;
    }
    Ok(())
}

/// The names below `Commands:`, but `help`.
fn commands<'h>(lines: &[&'h str]) -> Vec<&'h str> {
    let listed = lines
        .iter()
        .skip_while(|line| **line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}
