//! The part of YAML that `data.yaml` of YOLO is written in: keys at the left edge with a text, a list or a map of texts.

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    List(Vec<String>),
    /// With the keys as they are written.
    Map(Vec<(String, String)>),
}

/// The keys of a file, in order; or the line from 1 and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Value)>, (usize, String)> {
    let lines: Vec<&str> = text.lines().map(without_comment).collect();
    let mut keys = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (line, number) = (lines[at], at + 1);
        at += 1;
        if line.trim().is_empty() || line.trim() == "---" {
            continue;
        }
        let is_nested = line.starts_with([' ', '\t', '-']);
        let (key, rest) = line
            .split_once(':')
            .filter(|_| !is_nested)
            .ok_or_else(|| (number, format!("`{}` is no `key: value`", line.trim())))?;
        let rest = rest.trim();
        let value = if rest.is_empty() {
            block(&lines, &mut at)?
        } else if rest.starts_with(['[', '{']) {
            let mut flow = rest.to_owned();
            // A list may go on in the next lines.
            while !is_closed(&flow) && at < lines.len() {
                flow.push(' ');
                flow.push_str(lines[at].trim());
                at += 1;
            }
            of_flow(&flow).map_err(|problem| (number, problem))?
        } else if rest.starts_with(['|', '>']) {
            // A text of several lines, such as the script of `download`.
            while lines
                .get(at)
                .is_some_and(|line| line.is_empty() || line.starts_with([' ', '\t']))
            {
                at += 1;
            }
            Value::Text(String::new())
        } else {
            Value::Text(unquoted(rest))
        };
        keys.push((unquoted(key), value));
    }
    Ok(keys)
}

/// The indented lines below a key.
fn block(lines: &[&str], at: &mut usize) -> Result<Value, (usize, String)> {
    let (mut list, mut map) = (Vec::new(), Vec::new());
    while let Some(line) = lines.get(*at) {
        let inner = line.trim();
        if !inner.is_empty() {
            if !line.starts_with([' ', '\t', '-']) {
                break;
            }
            if let Some(item) = inner.strip_prefix('-') {
                list.push(unquoted(item));
            } else if let Some((key, value)) = inner.split_once(':') {
                map.push((unquoted(key), unquoted(value)));
            } else {
                return Err((*at + 1, format!("`{inner}` is neither `- text` nor `key: text`")));
            }
        }
        *at += 1;
    }
    match (list.is_empty(), map.is_empty()) {
        (true, true) => Ok(Value::Text(String::new())),
        (false, true) => Ok(Value::List(list)),
        (true, false) => Ok(Value::Map(map)),
        (false, false) => Err((*at, "a list and a map are mixed".to_owned())),
    }
}

/// Whether the brackets of a list or map are closed.
fn is_closed(flow: &str) -> bool {
    flow.ends_with([']', '}'])
}

/// `[a, b]` or `{0: a, 1: b}`.
fn of_flow(flow: &str) -> Result<Value, String> {
    let inner = |close: char| flow[1..].strip_suffix(close);
    if let Some(items) = inner(']').filter(|_| flow.starts_with('[')) {
        return Ok(Value::List(
            items_of(items).iter().map(|item| unquoted(item)).collect(),
        ));
    }
    let pairs = inner('}').filter(|_| flow.starts_with('{'));
    let pairs = pairs.ok_or_else(|| format!("`{flow}` has no closing bracket"))?;
    let pair = |item: &String| {
        let (key, value) = item
            .split_once(':')
            .ok_or_else(|| format!("`{item}` is no `key: text`"))?;
        Ok((unquoted(key), unquoted(value)))
    };
    Ok(Value::Map(
        items_of(pairs).iter().map(pair).collect::<Result<_, String>>()?,
    ))
}

/// Texts between commas that are in no quotes; a comma at the end adds nothing.
fn items_of(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    for (_, character, is_quoted) in quoting(text) {
        match items.last_mut() {
            _ if character == ',' && !is_quoted => items.push(String::new()),
            Some(last) => last.push(character),
            None => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The characters of a text with their places, and whether each is in quotes. An apostrophe within a word opens nothing.
fn quoting(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut quote, mut before) = (None, ' ');
    text.char_indices().map(move |(at, character)| {
        let is_quoted = quote.is_some();
        quote = match quote {
            None if matches!(character, '\'' | '"') && !before.is_alphanumeric() => Some(character),
            Some(open) if open == character => None,
            other => other,
        };
        before = character;
        (at, character, is_quoted)
    })
}

/// A line up to a `#` that follows a space and is in no quotes.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, character, is_quoted) in quoting(line) {
        if character == '#' && !is_quoted && before.is_whitespace() {
            return line[..at].trim_end();
        }
        before = character;
    }
    line.trim_end()
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Value, parse};

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn every_way_to_write_a_list_is_read() {
        let text = "# set\npath: ../data  # where\ntrain: 'images/train'\nnc: 2\nnames: [cat, 'big, dog', \"#1\",]\ntest:\nval:\n  - a\n  - b\nx:\n- c\n";
        let read = parse(text).unwrap();
        let value = |key: &str| read.iter().find(|(own, _)| own == key).unwrap().1.clone();
        assert_eq!(value("path"), Value::Text("../data".to_owned()));
        assert_eq!(value("train"), Value::Text("images/train".to_owned()));
        assert_eq!(value("names"), list(&["cat", "big, dog", "#1"]));
        assert_eq!((value("val"), value("x")), (list(&["a", "b"]), list(&["c"])));
        let apostrophe = parse("names: [driver's license, cat]\n").unwrap();
        assert_eq!(apostrophe[0].1, list(&["driver's license", "cat"]));
        assert_eq!(value("test"), Value::Text(String::new()));
    }

    #[test]
    fn maps_are_read_in_blocks_and_braces() {
        let map = |pairs: &[(&str, &str)]| {
            Value::Map(
                pairs
                    .iter()
                    .map(|(key, name)| ((*key).to_owned(), (*name).to_owned()))
                    .collect(),
            )
        };
        let block = parse("names:\n  0: person\n\n  1: \"stop sign\"\nnc: 2\n").unwrap();
        assert_eq!(block[0].1, map(&[("0", "person"), ("1", "stop sign")]));
        assert_eq!(block[1].0, "nc");
        let flow = parse("names: {0: cat,\n  1: dog}\n").unwrap();
        assert_eq!(flow[0].1, map(&[("0", "cat"), ("1", "dog")]));
        let many = parse("names: ['a',\n 'b'\n ]").unwrap();
        assert_eq!(many[0].1, list(&["a", "b"]));
    }

    #[test]
    fn scripts_below_a_key_are_passed_over() {
        let read = parse("names: [a]\ndownload: |\n  import os\n\n  # all\n  os.run()\nnc: 1\n").unwrap();
        let keys: Vec<&str> = read.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["names", "download", "nc"]);
    }

    #[test]
    fn what_is_no_yaml_of_this_kind_is_told_with_its_line() {
        assert_eq!(parse("nc: 1\nhello\n").unwrap_err().0, 2);
        assert_eq!(parse("names:\n  - a\n  0: b\n").unwrap_err().0, 3);
        assert_eq!(parse("names: [a, b\n").unwrap_err().0, 1);
    }
}
