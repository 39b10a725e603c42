//! Downloads from a little server on this machine.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use super::{Download, Progress, download, downloads, fetch};

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Manner {
    /// Honours ranges.
    Resumes,
    /// Always sends everything.
    IgnoresRanges,
    /// Says how much there is, sends half of it, and hangs up.
    BreaksOff,
    /// Has no such file.
    NotFound,
    /// Sends to another server once, then always sends everything.
    Redirects,
}

const CONTENT: &[u8] = b"It was the best of times, it was the worst of times";
/// By `md5sum`.
const SUM: &str = "d744e492b34c96f155da093e7f24ac38";

/// Whether this machine can download; where not, the test says `skipped` and passes.
fn can_download() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        println!("skipped: the program `curl` is not installed");
    }
    found
}

/// Serves `CONTENT` to this many requests, and gives the address.
fn serve(manner: Manner, requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}/file");
    let elsewhere = url.clone();
    thread::spawn(move || {
        for (at, stream) in listener.incoming().take(requests).enumerate() {
            let to = (matches!(manner, Manner::Redirects) && at == 0).then_some(&*elsewhere);
            answer(stream.unwrap(), manner, to);
        }
    });
    url
}

fn answer(mut stream: TcpStream, manner: Manner, elsewhere: Option<&str>) {
    let mut from = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = Some(range.trim_end_matches('-').parse::<usize>().unwrap());
        }
        if line.is_empty() {
            break;
        }
    }
    let (status, extra, body) = match (manner, from) {
        _ if elsewhere.is_some() => {
            let to = format!("location: {}\r\n", elsewhere.unwrap_or_default());
            ("302 Found", to, b"It has moved.".as_slice())
        }
        (Manner::NotFound, _) => ("404 Not Found", String::new(), b"".as_slice()),
        (Manner::Resumes, Some(from)) if from >= CONTENT.len() => {
            ("416 Range Not Satisfiable", String::new(), b"".as_slice())
        }
        (Manner::Resumes, Some(from)) => {
            let range = format!(
                "content-range: bytes {from}-{}/{}\r\n",
                CONTENT.len() - 1,
                CONTENT.len()
            );
            ("206 Partial Content", range, &CONTENT[from..])
        }
        _ => ("200 OK", String::new(), CONTENT),
    };
    let sent = if matches!(manner, Manner::BreaksOff) {
        body.len() / 2
    } else {
        body.len()
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..sent]).unwrap();
}

fn wanted(url: &str) -> Download<'_> {
    Download {
        name: "tale",
        url,
        file: "tale.txt",
        md5: SUM,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_downloaded_once_and_then_only_checked() {
    if !can_download() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let url = serve(Manner::Resumes, 1);
    let mut seen = Vec::new();
    let path = download(&wanted(&url), dir.path(), |progress| seen.push(progress)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!(names(dir.path()), ["tale.txt"]);
    let total = Some(CONTENT.len() as u64);
    assert_eq!(seen.first(), Some(&Progress { received: 0, total }));
    assert_eq!(
        seen.last(),
        Some(&Progress {
            received: CONTENT.len() as u64,
            total
        })
    );
    // The server answers only once, so this comes from the disk.
    assert_eq!(download(&wanted(&url), dir.path(), |_| ()).unwrap(), path);
    fs::write(&path, "something else").unwrap();
    let message = download(&wanted(&url), dir.path(), |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(SUM) && message.contains("delete it and fetch again"),
        "{message}"
    );
}

#[test]
fn a_broken_download_is_continued() {
    if !can_download() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let message = download(&wanted(&serve(Manner::BreaksOff, 1)), dir.path(), |_| ())
        .unwrap_err()
        .to_string();
    assert!(message.contains("fetch again to go on from there"), "{message}");
    assert_eq!(
        fs::read(dir.path().join("tale.txt.part")).unwrap(),
        CONTENT[..CONTENT.len() / 2]
    );

    let mut seen = Vec::new();
    let url = serve(Manner::Resumes, 1);
    let path = download(&wanted(&url), dir.path(), |progress| seen.push(progress)).unwrap();
    assert_eq!(seen[0].received, CONTENT.len() as u64 / 2);
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn a_whole_part_is_kept_and_a_server_without_ranges_starts_anew() {
    if !can_download() {
        return;
    }
    for (manner, part) in [
        (Manner::Resumes, CONTENT),
        (Manner::IgnoresRanges, b"It was".as_slice()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("tale.txt.part"), part).unwrap();
        let path = download(&wanted(&serve(manner, 1)), dir.path(), |_| ()).unwrap();
        assert_eq!(fs::read(path).unwrap(), CONTENT);
    }
}

#[test]
fn a_file_that_has_moved_is_followed() {
    if !can_download() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let url = serve(Manner::Redirects, 2);
    let path = download(&wanted(&url), dir.path(), |_| ()).unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn a_wrong_file_is_refused_and_not_kept() {
    if !can_download() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tale.txt.part"), "It is").unwrap();
    let message = download(&wanted(&serve(Manner::Resumes, 1)), dir.path(), |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(&format!("not {SUM}; it was deleted; fetch again")),
        "{message}"
    );
    assert!(names(dir.path()).is_empty());
}

#[test]
fn refusals_and_the_lack_of_a_network_are_told() {
    if !can_download() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let message = |url: &str| {
        download(&wanted(url), dir.path(), |_| ())
            .unwrap_err()
            .to_string()
    };
    assert!(message(&serve(Manner::NotFound, 1)).contains("the server answers 404"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let offline = message(&format!("http://{closed}/file"));
    assert!(offline.contains("is there a network?"), "{offline}");
    let unknown = fetch("cifar-10", dir.path(), |_| ()).unwrap_err().to_string();
    assert!(unknown.contains("did you mean `cifar10`?"), "{unknown}");
    assert!(downloads().all(|download| download.md5.len() == 32));
}
