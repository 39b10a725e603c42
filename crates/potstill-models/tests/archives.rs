//! PyTorch's zip archives, byte by byte as `torch.save` lays them out.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::PathBuf};

use potstill_models::weights::{StoredTensor, TensorFile};

/// `{"conv1.weight": a 2x2 tensor on storage 0}`, protocol 2.
const PICKLE: &[u8] = b"\x80\x02}q\x00X\x0c\x00\x00\x00conv1.weightq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storage\
    q\x03ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x04tq\x07QK\x00(K\x02K\x02tq\x08(K\x02K\x01tq\t\x89\
    ccollections\nOrderedDict\nq\n)Rq\x0btq\x0cRq\rs.";

/// CRC-32 as in the zip format, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    };
    !bytes.iter().fold(!0, step)
}

fn push<const N: usize>(bytes: &mut Vec<u8>, parts: [&[u8]; N]) {
    for part in parts {
        bytes.extend_from_slice(part);
    }
}

/// An archive of stored entries that ends, as those of PyTorch do, with zip64 records whether they are needed or
/// not.
fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let (offset, size) = (bytes.len() as u32, content.len() as u32);
        let sum = crc(content);
        let mut common = Vec::new();
        // Version, flags, method, time and date; checksum, sizes, lengths of name and extra field.
        push(
            &mut common,
            [
                &[0; 2],
                &[0; 2],
                &[0; 4],
                &sum.to_le_bytes(),
                &size.to_le_bytes(),
                &size.to_le_bytes(),
            ],
        );
        push(&mut common, [&(name.len() as u16).to_le_bytes(), &[0; 2]]);
        push(
            &mut bytes,
            [b"PK\x03\x04", &[0; 2], &common, name.as_bytes(), content],
        );
        // Version, then the same, then lengths and attributes that are all 0, and the offset.
        push(
            &mut directory,
            [
                b"PK\x01\x02",
                &[0; 2],
                &[0; 2],
                &common,
                &[0; 2],
                &[0; 2],
                &[0; 2],
                &[0; 4],
                &offset.to_le_bytes(),
                name.as_bytes(),
            ],
        );
    }
    let (start, size, count) = (bytes.len() as u64, directory.len() as u64, entries.len() as u64);
    bytes.extend_from_slice(&directory);
    let end = bytes.len() as u64;
    let [start_bytes, size_bytes, count_bytes] = [start, size, count].map(u64::to_le_bytes);
    push(
        &mut bytes,
        [
            b"PK\x06\x06",
            &44u64.to_le_bytes(),
            &[0x1e, 3, 0x2d, 0],
            &[0; 8],
            &count_bytes,
            &count_bytes,
            &size_bytes,
            &start_bytes,
        ],
    );
    push(
        &mut bytes,
        [b"PK\x06\x07", &[0; 4], &end.to_le_bytes(), &1u32.to_le_bytes()],
    );
    push(
        &mut bytes,
        [
            b"PK\x05\x06",
            &[0; 4],
            &count_bytes[..2],
            &count_bytes[..2],
            &size_bytes[..4],
            &start_bytes[..4],
            &[0; 2],
        ],
    );
    bytes
}

fn saved(folder: &tempfile::TempDir, root: &str, more: &[&str]) -> PathBuf {
    saved_with(folder, PICKLE, root, more)
}

fn saved_with(folder: &tempfile::TempDir, pickle: &[u8], root: &str, more: &[&str]) -> PathBuf {
    let values = [1.0f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat();
    let mut entries = vec![
        (format!("{root}data.pkl"), pickle.to_vec()),
        (format!("{root}byteorder"), b"little".to_vec()),
        (format!("{root}data/0"), values),
        (format!("{root}version"), b"3\n".to_vec()),
    ];
    entries.extend(more.iter().map(|name| (format!("{root}{name}"), b"x".to_vec())));
    let path = folder.path().join("saved.pth");
    fs::write(&path, archive(&entries)).unwrap();
    path
}

#[test]
fn the_length_of_an_archives_name_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let expected = StoredTensor {
        shape: vec![2, 2],
        values: vec![1.0, 2.0, 3.0, 4.0],
    };
    let mut roots: Vec<String> = (1..40).map(|length| "m".repeat(length) + "/").collect();
    roots.extend([String::new(), "mobilenet_v2-7ebf99e0/".into(), "a/b/".into()]);
    for root in roots {
        let path = saved(&folder, &root, &[]);
        let file = TensorFile::read(&path).unwrap_or_else(|error| panic!("{root}: {error}"));
        assert_eq!(file.tensors.get("conv1.weight"), Some(&expected), "{root}");
    }
}

#[test]
fn a_long_pickle_is_refused_wherever_its_archive_begins() {
    let folder = tempfile::tempdir().unwrap();
    let nones = [&b"\x80\x02"[..], &vec![b'N'; 600_000], b"."].concat();
    // With a name of 21 letters before `/data.pkl` the directory is found in the wrong place unless the archive is written anew.
    for root in ["archive/", "mobilenet_v2-7ebf99e0/"] {
        let path = saved_with(&folder, &nones, root, &[]);
        let said = TensorFile::read(&path).unwrap_err().to_string();
        assert!(said.contains("more than 500000 instructions"), "{root}: {said}");
    }
    // What begins like an archive and is none.
    let path = folder.path().join("none.pth");
    for start in [&b"PK\n"[..], b"PK\x03\x04\n"] {
        fs::write(&path, [start, &nones].concat()).unwrap();
        let said = TensorFile::read(&path).unwrap_err().to_string();
        assert!(
            said.contains("more than 500000 instructions"),
            "{start:?}: {said}"
        );
    }
}

#[test]
fn torchscript_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for root in ["model/", "model-of-21-characters/", "name-of-21-characters/"] {
        let path = saved(&folder, root, &["constants.pkl", "code/__torch__.py"]);
        let said = TensorFile::read(&path).unwrap_err().to_string();
        assert!(
            said.contains("TorchScript") && said.contains("torch.jit.load"),
            "{said}"
        );
        assert!(said.contains("saved.pth"), "{said}");
    }
}

/// A safetensors file of one tensor.
fn safetensors(kind: &str, bytes: usize) -> Vec<u8> {
    let header =
        format!("{{\"conv1.weight\":{{\"dtype\":\"{kind}\",\"shape\":[4],\"data_offsets\":[0,{bytes}]}}}}");
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + bytes, 0);
    file
}

#[test]
fn types_that_are_not_read_are_kept_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.safetensors");
    for (kind, bytes, name) in [
        ("F8_E4M3", 4, "float8_e4m3fn"),
        ("F8_E5M2", 4, "float8_e5m2"),
        ("I8", 4, "i8"),
        ("BOOL", 4, "bool"),
    ] {
        fs::write(&path, safetensors(kind, bytes)).unwrap();
        let file = TensorFile::read(&path).unwrap();
        assert!(file.tensors.is_empty());
        assert_eq!(file.others.get("conv1.weight").map(String::as_str), Some(name));
    }
}
