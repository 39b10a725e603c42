//! Pickles as Python writes them, and pickles that must not be read.

use md5::Digest;

use super::{Value, load};
use crate::CifarKind;

/// Instructions that leave one value on the stack, as Python 2 (protocol 2) writes them; the official files are such.
#[derive(Clone)]
pub(crate) struct PickleWriter(Vec<u8>);

impl PickleWriter {
    pub fn file(&self) -> Vec<u8> {
        [b"\x80\x02", self.0.as_slice(), b"."].concat()
    }
}

pub(crate) fn number(value: u8) -> PickleWriter {
    PickleWriter(vec![b'K', value])
}

pub(crate) fn string(text: &str) -> PickleWriter {
    PickleWriter([b"U", [text.len() as u8].as_slice(), text.as_bytes(), b"q\x01"].concat())
}

pub(crate) fn list(items: &[PickleWriter]) -> PickleWriter {
    let items: Vec<u8> = items.iter().flat_map(|item| item.0.clone()).collect();
    PickleWriter([b"]q\x02(", items.as_slice(), b"e"].concat())
}

pub(crate) fn dict(entries: &[(&str, PickleWriter)]) -> PickleWriter {
    let entries: Vec<u8> = entries
        .iter()
        .flat_map(|(key, value)| [string(key).0, value.0.clone()].concat())
        .collect();
    PickleWriter([b"}q\x01(", entries.as_slice(), b"u"].concat())
}

pub(crate) fn array(shape: [usize; 2], bytes: &[u8]) -> PickleWriter {
    let size = |size: usize| [b"J".as_slice(), &(size as u32).to_le_bytes()].concat();
    PickleWriter(
        [
            b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\0\x85q\x08U\x01b\x87q\x09Rq\x0a(K\x01",
            size(shape[0]).as_slice(),
            size(shape[1]).as_slice(),
            b"\x86cnumpy\ndtype\nq\x0bU\x02u1K\0K\x01\x87Rq\x0c(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T",
            &(bytes.len() as u32).to_le_bytes(),
            bytes,
            b"tb",
        ]
        .concat(),
    )
}

/// `{b'data': np.arange(6, dtype=np.uint8).reshape(2, 3), b'labels': [7, 300, -2], 'name': 'x', 't': (1, (True, None))}`
/// by `pickle.dumps` of Python 3.11 with numpy 2.4, protocol 3 and 4.
const PROTOCOL_3: &[u8] = b"\x80\x03}q\x00(C\x04dataq\x01cnumpy._core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\
    \x03K\x00\x85q\x04C\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x03\x86q\x08cnumpy\ndtype\nq\tX\x02\x00\x00\x00u1q\n\x89\
    \x88\x87q\x0bRq\x0c(K\x03X\x01\x00\x00\x00|q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89C\x06\x00\x01\
    \x02\x03\x04\x05q\x0ftq\x10bC\x06labelsq\x11]q\x12(K\x07M,\x01J\xfe\xff\xff\xffeX\x04\x00\x00\x00nameq\x13X\x01\
    \x00\x00\x00xq\x14X\x01\x00\x00\x00tq\x15K\x01\x88N\x86q\x16\x86q\x17u.";
const PROTOCOL_4: &[u8] = b"\x80\x04\x95\xca\x00\x00\x00\x00\x00\x00\x00}\x94(C\x04data\x94\x8c\x16numpy._core.multiarray\
    \x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\
    \x94(K\x01K\x02K\x03\x86\x94h\x05\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\
    \xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89C\x06\x00\x01\x02\x03\x04\x05\x94t\x94bC\x06labels\x94]\x94(K\x07M,\
    \x01J\xfe\xff\xff\xffe\x8c\x04name\x94\x8c\x01x\x94\x8c\x01t\x94K\x01\x88N\x86\x94\x86\x94u.";

#[test]
fn a_pickle_of_python_3_is_read() {
    for pickle in [PROTOCOL_3, PROTOCOL_4] {
        let dict = load(pickle).unwrap();
        let data = Value::Array {
            shape: vec![2, 3],
            bytes: &[0, 1, 2, 3, 4, 5],
        };
        assert_eq!(dict.get("data"), Some(&data));
        assert_eq!(
            dict.get("labels").unwrap().items().unwrap(),
            [7, 300, -2].map(Value::Int)
        );
        assert_eq!(dict.get("name").unwrap().text().as_deref(), Some("x"));
        let inner = Value::Items(vec![Value::Bool(true), Value::None]);
        assert_eq!(dict.get("t").unwrap().items().unwrap(), [Value::Int(1), inner]);
    }
}

#[test]
fn no_cut_or_changed_file_panics() {
    for pickle in [PROTOCOL_3, PROTOCOL_4] {
        for length in 0..pickle.len() {
            assert!(load(&pickle[..length]).is_err(), "cut at {length}");
        }
        for at in 0..pickle.len() {
            for value in 0..=255 {
                let mut changed = pickle.to_vec();
                changed[at] = value;
                let _ = load(&changed);
            }
        }
    }
}

#[test]
fn other_names_instructions_and_types_are_refused() {
    let refused = |pickle: &[u8]| load(pickle).unwrap_err();
    let system = refused(b"\x80\x02cos\nsystem\n.");
    assert_eq!((system.offset, system.problem.contains("`os.system`")), (2, true));
    let opcode = refused(b"\x80\x02\x81.");
    assert!(
        opcode.offset == 2 && opcode.problem.contains("0x81"),
        "{opcode:?}"
    );
    let mut floats = array([1, 2], &[1, 2]).file();
    let dtype = floats.windows(2).position(|pair| pair == b"u1").unwrap();
    floats[dtype..dtype + 2].copy_from_slice(b"f4");
    assert!(refused(&floats).problem.contains("other than bytes"));
    assert!(
        refused(&array([2, 2], &[1, 2]).file())
            .problem
            .contains("lacks some")
    );
    let nested = [[b']'; 100].as_slice(), &[b'a'; 99], b"."].concat();
    assert!(refused(&nested).problem.contains("nested deeper"));
}

#[test]
fn the_official_file_of_cifar10_is_read() {
    // `batches.meta` written out; the sum that torchvision publishes for it says that these are its very bytes.
    let mut pickle =
        b"\x80\x02}q\x01(U\x13num_cases_per_batchq\x02M\x10'U\x0blabel_namesq\x03]q\x04(".to_vec();
    let names = CifarKind::Cifar10.class_names();
    for (slot, name) in (5..).zip(&names) {
        pickle.extend([b'U', name.len() as u8]);
        pickle.extend(name.as_bytes());
        pickle.extend([b'q', slot]);
    }
    pickle.extend(b"eU\x07num_visq\x0fM\0\x0cu.");
    let sum = potstill_base::hexadecimal(&md5::Md5::digest(&pickle));
    assert_eq!(sum, "5ff9c542aee3614f3951f8cda6e48888");

    let meta = load(&pickle).unwrap();
    let read: Vec<_> = meta
        .get("label_names")
        .unwrap()
        .items()
        .unwrap()
        .iter()
        .filter_map(Value::text)
        .collect();
    assert_eq!(read, names);
    assert_eq!(meta.get("num_vis").unwrap().int(), Some(3072));
}
