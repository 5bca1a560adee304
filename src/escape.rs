//! Escapes text from outside, for example a file's name, for a line of output: a character that would end the line,
//! move a terminal's cursor or change the direction of writing is shown as its code point, and a text that is too long
//! is cut.

use std::fmt::{self, Display, Write};

/// Whether a terminal does not simply show `c`: control characters, the separators of lines and of paragraphs, the
/// marks that change the direction of writing (Unicode's Bidi_Control), and the byte order mark.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || c == '\u{FEFF}'
}

/// Displays at most the first `most` characters of `text`, with unprintable characters escaped; an ellipsis replaces
/// the rest.
pub(crate) struct Escaped<T> {
    pub(crate) text: T,
    pub(crate) most: usize,
}

impl<T> Escaped<T> {
    /// Displays all of `text`, whatever its length.
    #[cfg(feature = "cli")]
    pub(crate) fn whole(text: T) -> Self {
        Self { text, most: usize::MAX }
    }
}

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = Writer { to: f, left: self.most, is_cut: false };
        match write!(writer, "{}", self.text) {
            // The writer returned this error itself, to stop the formatting after `most` characters.
            Err(_) if writer.is_cut => f.write_char('…'),
            written => written,
        }
    }
}

struct Writer<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    left: usize,
    is_cut: bool,
}

impl Write for Writer<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                self.is_cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            if is_unprintable(c) { write!(self.to, "{}", c.escape_default())? } else { self.to.write_char(c)? }
        }
        Ok(())
    }
}
