//! What a page weighs: every byte that a first visit brings over the wire, compressed as served.

use std::process::Command;

use crate::error::{Doing, Result};
use crate::server::Server;
use crate::{brotli, files, page};

/// The front page, which needs no script, and a room's, which is alive. The server is new, so that there is no
/// such room; all that the page loads is the same.
const PAGES: [&str; 2] = ["", "r/XXXXXX"];

/// Weighs pages of the server in `target/debug`.
pub(crate) fn of_own_server() -> Result<()> {
    let (_server, url) = Server::start_for_a_look()?;
    PAGES.into_iter().try_for_each(|page| of(&format!("{url}{page}")))
}

/// Prints a line for each file that the page at `url` loads, and the total.
pub(crate) fn of(url: &str) -> Result<()> {
    let mut wanted = vec![url.to_owned()];
    let (mut next, mut total) = (0, 0);
    println!("{:>9}  {:8}  address", "bytes", "encoding");
    while let Some(url) = wanted.get(next).cloned() {
        next += 1;
        let answer = fetch(&url)?;
        // A page that says "not found" can be weighed like any other; what it loads has to be there.
        if next > 1 && answer.status() != "200" {
            return Err(format!("{url} answered {}", answer.status()).into());
        }
        total += answer.body.len();
        println!("{:>9}  {:8}  {url}", answer.body.len(), answer.encoding());
        for reference in page::references(answer.header("content-type"), &answer.text()?) {
            let address = page::resolve(&url, &reference);
            wanted.extend(address.filter(|new| !wanted.iter().any(|old| same_file(old, new))));
        }
    }
    println!("{total:>9}  in all: {:.1} KB", total as f64 / 1024.0);
    Ok(())
}

/// A preload and the import behind it may name a file with and without its version.
fn same_file(one: &str, other: &str) -> bool {
    one.split('?').next() == other.split('?').next()
}

/// A response as it came: the body still compressed.
struct Answer {
    head: String,
    body: Vec<u8>,
}

fn fetch(url: &str) -> Result<Answer> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--include", "--max-time", "30", "-H", "Accept-Encoding: br", "--", url]);
    let bytes = files::output(&mut curl).doing(format_args!("fetching {url}"))?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let (head, body) = bytes.split_at(end);
    Ok(Answer { head: String::from_utf8_lossy(head).into_owned(), body: body.to_vec() })
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split_ascii_whitespace().nth(1).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }

    fn encoding(&self) -> &str {
        match self.header("content-encoding") {
            "" => "-",
            encoding => encoding,
        }
    }

    fn text(&self) -> Result<String> {
        let plain = match self.encoding() {
            "br" => brotli::decompress(&self.body)?,
            _ => self.body.clone(),
        };
        Ok(String::from_utf8_lossy(&plain).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_compressed_answer() {
        let answer = Answer {
            head: "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\ncontent-type: text/css\r\n\r\n".to_owned(),
            body: brotli::compress(b"a{}", 5).unwrap(),
        };
        assert_eq!(answer.status(), "200");
        assert_eq!((answer.encoding(), answer.header("Content-Type")), ("br", "text/css"));
        assert_eq!(answer.text().unwrap(), "a{}");
    }

    #[test]
    fn a_version_makes_no_new_file() {
        assert!(same_file("http://h/a.css?v=1", "http://h/a.css"));
        assert!(!same_file("http://h/a.css", "http://h/b.css"));
    }
}
