//! Finds the door of a fuzz target.

/// Sends bytes through the door of this name.
///
/// # Panics
/// No door has this name, or the door breaks: that is a finding.
pub fn through(name: &str, bytes: &[u8]) {
    let door = potstill_fuzzing::DOORS.iter().find(|(door, _)| *door == name);
    let (_, door) = door.unwrap_or_else(|| panic!("there is no door `{name}`"));
    // A file may be refused; what counts is that the reader comes back.
    let _ = door(bytes);
}
