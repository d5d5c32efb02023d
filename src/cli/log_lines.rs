//! Where the log for debugging goes: stderr, each event as one line of visible characters. It quotes what servers say.

use std::io::{self, Write};

use crate::report::problems::visible_line;

/// Is given one event with each write, as `tracing_subscriber::fmt` does.
pub struct LogLines;

impl Write for LogLines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(line(event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn line(event: &[u8]) -> String {
    format!("{}\n", visible_line(String::from_utf8_lossy(event).trim_end_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn an_event_is_one_line_that_acts_on_nothing() {
        assert_eq!(line(b"called error=two\nlines\n"), "called error=two?lines\n");
        assert_eq!(line(b"x \x1b[2J\n::error::y\n"), "x ?[2J?::error::y\n");
    }
}
