//! Files of weights that are made to hurt: refused by a sentence, before anything of the size that they state is made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use potstill_models::weights::TensorFile;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A text as an instruction of a pickle.
fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// Whole numbers as a tuple.
fn tuple(numbers: &[i32]) -> Vec<u8> {
    let numbers = numbers
        .iter()
        .flat_map(|number| [&b"J"[..], &number.to_le_bytes()].concat());
    [b"(".to_vec(), numbers.collect(), b"t".to_vec()].concat()
}

/// A tensor of these sizes and steps over the storage `key` of `stored` numbers, as `torch.save` writes it.
fn tensor(key: &str, stored: i32, sizes: &[i32], steps: &[i32]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        [&b"J"[..], &stored.to_le_bytes()].concat(),
        b"tQK\x00".to_vec(),
        tuple(sizes),
        tuple(steps),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ]
    .concat()
}

/// The pickle of a dict of tensors.
fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries = entries
        .iter()
        .flat_map(|(name, value)| [text(name), value.clone(), b"s".to_vec()].concat());
    [b"\x80\x02}".to_vec(), entries.collect(), b".".to_vec()].concat()
}

/// A checkpoint with this pickle and a storage of four numbers.
fn checkpoint(folder: &Path, pickle: &[u8]) -> PathBuf {
    let path = folder.join("weights.pth");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let numbers: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    for (name, bytes) in [("data.pkl", pickle), ("version", b"3\n"), ("data/0", &numbers)] {
        archive.start_file(format!("archive/{name}"), stored).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    path
}

/// Why the checkpoint with this pickle is refused.
#[track_caller]
fn refusal(pickle: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let said = TensorFile::read(&checkpoint(folder.path(), pickle))
        .unwrap_err()
        .to_string();
    assert!(!said.contains(char::is_control), "{said:?}");
    said
}

#[test]
fn a_sound_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = dict(&[("a", tensor("0", 4, &[2, 2], &[1, 2]))]);
    let file = TensorFile::read(&checkpoint(folder.path(), &pickle)).unwrap();
    assert_eq!(file.tensors["a"].values, [1.0, 3.0, 2.0, 4.0]);
}

#[test]
fn views_that_repeat_a_few_numbers_are_not_made() {
    // 4 TB, and many times a few megabytes.
    let said = refusal(&dict(&[("a", tensor("0", 4, &[1000, 1000, 1000], &[0, 0, 0]))]));
    assert!(
        said.contains("state 4000000000 bytes (`a` is [1000, 1000, 1000])"),
        "{said}"
    );
    let names: Vec<String> = (0..1000).map(|number| format!("a{number}")).collect();
    let many: Vec<(&str, Vec<u8>)> = names
        .iter()
        .map(|name| (name.as_str(), tensor("0", 4, &[1 << 20], &[0])))
        .collect();
    assert!(refusal(&dict(&many)).contains("views that repeat a few numbers"));
    let overflow = refusal(&dict(&[("a", tensor("0", 4, &[i32::MAX; 5], &[0; 5]))]));
    assert!(overflow.contains("overflows"), "{overflow}");
}

#[test]
fn long_and_deep_pickles_are_refused() {
    let nones = [b"\x80\x02(".to_vec(), vec![b'N'; 600_000], b"t.".to_vec()].concat();
    assert!(refusal(&nones).contains("more than 500000 instructions"));
    let deep = [b"\x80\x02)".to_vec(), vec![0x85; 200_000], b".".to_vec()].concat();
    assert!(refusal(&deep).contains("nesting"));
    // The same without an archive around it, and as the fourth of the older form.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.pth");
    fs::write(&path, &nones).unwrap();
    assert!(
        TensorFile::read(&path)
            .unwrap_err()
            .to_string()
            .contains("500000 instructions")
    );
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    fs::write(&path, [&magic[..], &nones].concat()).unwrap();
    assert!(
        TensorFile::read(&path)
            .unwrap_err()
            .to_string()
            .contains("500000 instructions")
    );
}

#[test]
fn names_are_written_out_and_not_of_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = dict(&[("\u{1b}[2Jevil\nline", tensor("0", 4, &[4], &[1]))]);
    let file = TensorFile::read(&checkpoint(folder.path(), &pickle)).unwrap();
    assert_eq!(file.tensors.keys().next().unwrap(), "\\u{1b}[2Jevil\\nline");
    let long = refusal(&dict(&[(
        "a.".repeat(500_000).as_str(),
        tensor("0", 4, &[4], &[1]),
    )]));
    assert!(long.contains("name has 1000000 bytes"), "{long}");
}

#[test]
fn a_path_is_no_storage_and_a_call_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), [0; 16]).unwrap();
    let upwards = dict(&[("a", tensor("../../secret", 4, &[4], &[1]))]);
    assert!(TensorFile::read(&checkpoint(folder.path(), &upwards)).is_err());
    let mark = folder.path().join("called");
    let call = [
        b"\x80\x02cposix\nsystem\n".to_vec(),
        text(&format!("touch {}", mark.display())),
        b"\x85R.".to_vec(),
    ];
    assert!(refusal(&call.concat()).contains("posix.system"));
    let inside = dict(&[("a", call[..2].concat()), ("b", tensor("0", 4, &[4], &[1]))]);
    let _ = TensorFile::read(&checkpoint(folder.path(), &inside));
    assert!(!mark.exists());
}

#[test]
fn headers_of_safetensors_are_held_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let refused = |length: u64, header: &str, values: usize| {
        let bytes = [&length.to_le_bytes()[..], header.as_bytes(), &vec![0; values]].concat();
        fs::write(&path, bytes).unwrap();
        TensorFile::read(&path).unwrap_err().to_string()
    };
    let of = |header: &str, values: usize| refused(header.len() as u64, header, values);
    assert!(refused(1 << 63, "{}", 0).contains("at most 16777216 are read"));
    assert!(refused(1000, "{}", 0).contains("not a whole safetensors file"));
    for header in [
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,12]}}"#,
        r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[12,0]}}"#,
    ] {
        assert!(
            of(header, 12).contains("not a whole safetensors file"),
            "{header}"
        );
    }
}
