//! Values of a tensor that lie in a file beside the ONNX file.

use std::{
    fs::File,
    io,
    path::{Component, Path},
};

use rten_onnx::onnx::TensorProto;

/// Where the values of a tensor lie.
pub(crate) struct External {
    /// The file, open.
    pub file: File,
    /// Its name, from the ONNX file's folder.
    pub location: String,
    /// Bytes in it.
    pub whole: u64,
    /// Where the values begin.
    pub offset: u64,
    /// How many bytes they are, if the ONNX file says so.
    pub length: Option<u64>,
}

impl External {
    /// Opens the file beside `file` in which a tensor says that it has its values.
    ///
    /// # Errors
    /// A place that is not beside the ONNX file or below, a file that cannot be read, numbers that are none; what follows the tensor's name
    /// in a message.
    pub fn open(tensor: &TensorProto, file: &Path) -> Result<Self, String> {
        let entry = |key: &str| {
            let mut entries = tensor.external_data.iter();
            let found = entries.find(|entry| entry.key.as_deref() == Some(key));
            found.and_then(|entry| entry.value.clone())
        };
        let location = entry("location").unwrap_or_default();
        let unreadable = |problem: String| unreadable(&location, &problem);
        let number = |key: &str| {
            let text = entry(key);
            let parsed = text.map(|text| {
                text.parse::<u64>()
                    .map_err(|_| unreadable(format!("{key} {text}")))
            });
            parsed.transpose()
        };
        let outside = || unreadable("it has to lie beside the ONNX file or below".into());
        if location.is_empty() {
            return Err(outside());
        }
        // A device is told as one, wherever it lies.
        let beside = file.parent().unwrap_or(Path::new("")).join(&location);
        let opened = potstill_base::open_file(&beside);
        let sized = opened.and_then(|opened| Ok::<_, io::Error>((opened.metadata()?.len(), opened)));
        let (whole, opened) = sized.map_err(|error| unreadable(error.to_string()))?;
        let is_beside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(&location).components().all(is_beside) {
            return Err(outside());
        }
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        Ok(Self {
            file: opened,
            whole,
            offset,
            length,
            location,
        })
    }

    /// The bytes of its values, as many as are there.
    pub fn bytes(&self) -> u64 {
        let rest = self.whole.saturating_sub(self.offset);
        self.length.unwrap_or(rest).min(rest)
    }
}

/// What is wrong with the values at a location.
pub(crate) fn unreadable(location: &str, problem: &str) -> String {
    format!("has its values in `{location}`, which cannot be read: {problem}")
}
