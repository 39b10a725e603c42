//! Downloads data sets from their official addresses, with resume and checksum.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use potstill_base::{hexadecimal, nearest};

use crate::curl::{Response, request};
use crate::{DataError, Download, registry};

/// How far a download is.
///
/// ```no_run
/// use potstill_data::{Progress, fetch};
/// let path = fetch("cifar10", "data".as_ref(), |Progress { received, total }| {
///     println!("{received} of {}", total.unwrap_or_default());
/// })?;
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk, with those of an earlier try.
    pub received: u64,
    /// Bytes of the whole file, where the server says.
    pub total: Option<u64>,
}

/// The files that [`fetch`] knows: those of every entry of the [`registry`].
pub fn downloads() -> impl Iterator<Item = &'static Download<'static>> {
    registry().iter().flat_map(|entry| entry.downloads)
}

/// Downloads a data set of [`downloads`] into the folder `root`, where [`crate::open`] finds it, and gives
/// its path.
///
/// # Errors
/// [`DataError::UnknownName`], or as [`download`].
pub fn fetch(name: &str, root: &Path, progress: impl FnMut(Progress)) -> Result<PathBuf, DataError> {
    if let Some(wanted) = downloads().find(|download| download.name == name) {
        return download(wanted, root, progress);
    }
    let known: Vec<String> = downloads().map(|download| download.name.to_owned()).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(DataError::UnknownName {
        name: name.to_owned(),
        nearest,
        known,
    })
}

/// Downloads a file into the folder `root` and gives its path. What an interrupted try left in `FILE.part` is
/// continued; the file gets its name only when its sum is right. A file that is there already is only
/// checked.
///
/// # Errors
/// [`DataError::Download`] where the network or the server fails, [`DataError::Checksum`] for a wrong file,
/// and [`DataError::Io`] where the disk does.
pub fn download(
    wanted: &Download<'_>,
    root: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<PathBuf, DataError> {
    let path = root.join(wanted.file);
    if path.exists() {
        check_sum(&path, wanted.md5, "delete it and fetch again")?;
        return Ok(path);
    }
    fs::create_dir_all(root).map_err(DataError::io("create", root))?;
    let part = root.join(format!("{}.part", wanted.file));
    receive(wanted.url, &part, &mut progress)?;
    if let Err(wrong) = check_sum(&part, wanted.md5, "it was deleted; fetch again") {
        fs::remove_file(&part).map_err(DataError::io("delete", &part))?;
        return Err(wrong);
    }
    fs::rename(&part, &path).map_err(DataError::io("rename", &part))?;
    Ok(path)
}

/// Appends to `part` what is missing of the file at `url`.
fn receive(url: &str, part: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
    let failed = |problem: String| DataError::Download {
        url: url.to_owned(),
        problem,
    };
    let ask = |from: u64| {
        request(url, from).map_err(|problem| {
            failed(format!(
                "{problem}; is there a network? If not, download it elsewhere and put it into the data folder"
            ))
        })
    };
    let mut received = fs::metadata(part).map_or(0, |meta| meta.len());
    let mut response = ask(received)?;
    // 416: there is nothing beyond what we have. It may be whole, or of another file; the checksum will tell.
    if response.status == 416 && received > 0 {
        return Ok(());
    }
    // A server that ignores the range sends the whole file with 200.
    let resumed = response.status == 206 && starts_at(&response, received);
    if !resumed {
        if response.status == 206 {
            response = ask(0)?;
        }
        received = 0;
    }
    if !(200..300).contains(&response.status) {
        let advice = "try again later, or download it by other means and put it into the data folder";
        return Err(failed(format!(
            "the server answers {}; {advice}",
            response.status
        )));
    }
    let rest: Option<u64> = response
        .header("content-length")
        .and_then(|text| text.parse().ok());
    let total = rest.map(|rest| received + rest);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(part)
        .map_err(DataError::io("write", part))?;
    let broken = |problem: String, received: u64| {
        failed(format!(
            "the connection broke after {received} bytes ({problem}); fetch again to go on from there"
        ))
    };
    let mut buffer = vec![0; 1 << 16];
    progress(Progress { received, total });
    loop {
        let count = response
            .read(&mut buffer)
            .map_err(|error| broken(error.to_string(), received))?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])
            .map_err(DataError::io("write", part))?;
        received += count as u64;
        progress(Progress { received, total });
    }
    response.finish().map_err(|problem| broken(problem, received))?;
    file.sync_all().map_err(DataError::io("write", part))
}

/// Whether the answer to a request for a range starts where it was asked to.
fn starts_at(response: &Response, from: u64) -> bool {
    let range = response.header("content-range");
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

fn check_sum(path: &Path, expected: &str, advice: &str) -> Result<(), DataError> {
    let mut file = File::open(path).map_err(DataError::io("open", path))?;
    let mut sum = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(DataError::io("read", path))?;
        if count == 0 {
            break;
        }
        sum.update(&buffer[..count]);
    }
    let found = hexadecimal(&sum.finalize());
    if found == expected {
        return Ok(());
    }
    let (expected, advice) = (expected.to_owned(), advice.to_owned());
    Err(DataError::Checksum {
        path: path.to_owned(),
        expected,
        found,
        advice,
    })
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
