//! Requests to web servers by the program `curl`, which is part of nearly every system: a client of our own
//! with its encryption would be a tenth of what there is to build.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What a server answers; reading gives its body.
pub(crate) struct Response {
    pub status: u16,
    /// The headers of the answer, their names in lower case.
    headers: Vec<(String, String)>,
    body: BufReader<ChildStdout>,
    curl: Child,
}

/// Asks for what is at `url`, from this byte on.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn request(url: &str, from: u64) -> Result<Response, String> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--location"])
        // The headers come before the body, those of a proxy left out.
        .args(["--include", "--suppress-connect-headers"])
        .args(["--connect-timeout", "30"])
        .args(["--speed-limit", "1", "--speed-time", "60"])
        .args(["--url", url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if from > 0 {
        command.args(["--header", &format!("Range: bytes={from}-")]);
    }
    let mut curl = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "downloading needs the program `curl`, which is not installed".to_owned(),
        _ => format!("the program `curl` cannot be run: {error}"),
    })?;
    let Some(output) = curl.stdout.take() else {
        return Err("the program `curl` has no output".to_owned());
    };
    let mut response = Response {
        status: 0,
        headers: Vec::new(),
        body: BufReader::new(output),
        curl,
    };
    // An answer that sends us elsewhere has headers and, as curl follows it, no body.
    while response.status < 200 || (300..400).contains(&response.status) {
        if !response.read_headers().map_err(|error| error.to_string())? {
            return Err(response.complaint());
        }
    }
    Ok(response)
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What is wrong, if the answer is not whole.
    pub fn finish(mut self) -> Result<(), String> {
        match self.curl.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(self.complaint()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads the headers of the next answer, if there is one.
    fn read_headers(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        if self.body.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        // `HTTP/1.1 200 OK`
        let status = line.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        self.status = status.unwrap_or(0);
        self.headers.clear();
        loop {
            line.clear();
            if self.body.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(true);
            }
            if let Some((name, value)) = line.split_once(':') {
                self.headers
                    .push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
    }

    /// What curl says is wrong.
    fn complaint(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.curl.stderr.take() {
            // Whatever cannot be read is not worth an error beside the one that is told.
            let _ = errors.read_to_string(&mut text);
        }
        if text.trim().is_empty() {
            return "curl got no answer".to_owned();
        }
        text.trim().to_owned()
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

/// A response that is not read to its end ends its program.
impl Drop for Response {
    fn drop(&mut self) {
        let _ = self.curl.kill();
        let _ = self.curl.wait();
    }
}
