//! Secrets in a server's text. Services repeat what they cannot parse, and proxies what they refuse: a reason that is shown
//! to people must not hold a key, nor a part of one, in whatever form.
//!
//! Text and secrets are compared by their letters and digits alone, without regard to case. So nothing that a reader
//! skips hides a secret: white space, punctuation, and characters that cannot be seen. Escapes of JSON, URLs and HTML are
//! undone first. Base64, hexadecimal digits and lists of bytes are looked for as what the secret
//! becomes in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use node_core::text::is_hidden;
use zeroize::Zeroizing;

/// In letters. Whoever sees fewer of a key is no nearer to the rest, and shorter runs turn up by chance.
const LONGEST_RUN: usize = 12;
/// In letters. A shorter run of a secret is often an everyday word: a secret of fewer letters counts as a whole.
const SHORTEST_RUN: usize = 8;
/// In letters. A secret of fewer is compared with its punctuation.
const FEWEST_LETTERS: usize = 4;
/// Escapes within escapes are undone as often as this.
const MAX_DEPTH: usize = 3;
/// The numbers of characters in escapes of this many digits.
const UNICODE_DIGITS: usize = 4;
const BYTE_DIGITS: usize = 2;
/// Longer than the number of any character, and than the names of what HTML has to escape.
const MAX_REFERENCE: usize = 8;

/// Whether `text` repeats one of the `secrets`, or a run of its letters that a person should not see: twelve, or half of
/// a shorter secret, but at least eight.
pub(crate) fn repeats(text: &[u8], secrets: &[&[u8]]) -> bool {
    let wanted: Vec<Wanted> = secrets.iter().flat_map(|secret| Wanted::forms(secret)).collect();
    if wanted.is_empty() {
        return false;
    }
    let mut text = chars(text);
    for _ in 0..MAX_DEPTH {
        let (letters, visible) = (letters(&text), visible(&text));
        if wanted.iter().any(|wanted| wanted.is_in(&letters, &visible)) {
            return true;
        }
        let undone = undone(&text);
        if undone.len() == text.len() {
            return false;
        }
        text = undone;
    }
    false
}

/// Characters that are wiped when dropped.
type Chars = Zeroizing<Vec<char>>;

/// What is compared of a text, a byte for each character, wiped when dropped. Characters beyond ASCII are told apart by
/// their lowest seven bits alone: a likeness by chance hides a text, and shows no secret.
type Symbols = Zeroizing<Vec<u8>>;

/// In symbols. Most runs of two texts already differ in these.
const BEGINNING: usize = size_of::<u32>();

/// Whether a run of `len` symbols in `text` is one that is looked for, by its beginning and as a whole.
fn any_run(text: &[u8], len: usize, mut is_wanted: impl FnMut(u32, &[u8]) -> bool) -> bool {
    let begins = len.clamp(1, BEGINNING);
    let mask = u32::MAX >> (8 * (BEGINNING - begins));
    let mut last = 0;
    for (end, symbol) in (1_usize..).zip(text) {
        last = last << 8 | u32::from(*symbol);
        let run = end.checked_sub(begins).and_then(|start| text.get(start..start + len));
        if run.is_some_and(|run| is_wanted(last & mask, run)) {
            return true;
        }
    }
    false
}

/// A set of beginnings of runs. It may hold some that were never added.
struct Beginnings([u32; 64]);

impl Beginnings {
    fn of(text: &[u8], run: usize) -> Self {
        let mut all = Self([0; 64]);
        any_run(text, run, |beginning, _| {
            let (word, bit) = Self::place(beginning);
            all.0[word] |= bit;
            false
        });
        all
    }

    fn may_have(&self, beginning: u32) -> bool {
        let (word, bit) = Self::place(beginning);
        self.0[word] & bit != 0
    }

    /// By the upper bits of a product with 2^32 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
    const fn place(beginning: u32) -> (usize, u32) {
        let hash = beginning.wrapping_mul(0x9e37_79b1);
        ((hash >> 26) as usize, 1 << (hash >> 21 & 31))
    }
}

/// One form of a secret.
struct Wanted {
    text: Symbols,
    /// Runs of this length count.
    run: usize,
    /// Whether `text` is letters and digits only.
    is_letters: bool,
}

impl Wanted {
    fn forms(secret: &[u8]) -> Vec<Self> {
        let plain = chars(secret);
        let mut forms = Vec::new();
        // `size` is how many symbols of the form make three letters of the secret.
        let mut add = |text: Symbols, size: usize| {
            let [shortest, longest] = [SHORTEST_RUN, LONGEST_RUN].map(|letters| letters * size / 3);
            let run = (text.len() / 2).clamp(shortest, longest).min(text.len());
            forms.push(Self { text, run, is_letters: true });
        };
        let bare = letters(&plain);
        if bare.len() < FEWEST_LETTERS {
            let text = visible(&plain);
            let run = text.len();
            return if run == 0 { forms } else { Vec::from([Self { text, run, is_letters: false }]) };
        }
        add(bare, 3);
        // Three bytes become four characters. What comes before the secret moves it by one or two bytes.
        for moved in 0..3 {
            let rest = secret.get(moved..).unwrap_or_default();
            let mut base64 = Zeroizing::new(STANDARD_NO_PAD.encode(&rest[..rest.len() / 3 * 3]).into_bytes());
            base64.retain(u8::is_ascii_alphanumeric);
            base64.make_ascii_lowercase();
            if base64.len() >= SHORTEST_RUN {
                add(base64, 4);
            }
        }
        let digit = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
        let mut hex = Zeroizing::new(Vec::with_capacity(secret.len() * 2));
        let mut decimal = Zeroizing::new(Vec::with_capacity(secret.len() * 3));
        for byte in secret {
            hex.extend([digit(byte >> 4), digit(byte & 15)]);
            // As Go and Rust print bytes: `[115 51]`, `[115, 51]`.
            let digits = [byte / 100, byte / 10 % 10, byte % 10].map(digit);
            decimal.extend(&digits[usize::from(*byte < 100)..]);
        }
        add(hex, 6);
        add(decimal, 8);
        forms
    }

    fn is_in(&self, letters: &[u8], visible: &[u8]) -> bool {
        let text = if self.is_letters { letters } else { visible };
        let known = Beginnings::of(&self.text, self.run);
        any_run(text, self.run, |beginning, run| {
            known.may_have(beginning)
                && any_run(&self.text, self.run, |own, whole| own == beginning && whole == run)
        })
    }
}

/// The characters of `bytes`; those that are not UTF-8 are left out.
fn chars(bytes: &[u8]) -> Chars {
    // With room for all: a buffer that grows leaves copies behind.
    let mut chars = Zeroizing::new(Vec::with_capacity(bytes.len()));
    chars.extend(bytes.utf8_chunks().flat_map(|chunk| chunk.valid().chars()));
    chars
}

/// What a reader sees, without white space, and in lower case.
fn visible(text: &[char]) -> Symbols {
    kept(text, |c| !c.is_whitespace() && !c.is_control() && !is_hidden(c))
}

/// Letters and digits only, in lower case.
fn letters(text: &[char]) -> Symbols {
    kept(text, |c| c.is_alphanumeric() && !is_hidden(c))
}

fn kept(text: &[char], keep: fn(char) -> bool) -> Symbols {
    let mut kept = Zeroizing::new(Vec::with_capacity(text.len()));
    kept.extend(text.iter().map(|c| narrow(*c)).filter(|c| keep(*c)).map(symbol));
    kept
}

fn symbol(c: char) -> u8 {
    let [lowest, ..] = u32::from(c).to_le_bytes();
    if c.is_ascii() { lowest.to_ascii_lowercase() } else { lowest | 0x80 }
}

/// The ASCII character of which `c` is the wide form.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// Undoes the escapes of JSON (`\u0041`), programs (`\x41`), URLs (`%41`) and HTML (`&#65;`, `&#x41;`, `&amp;`).
fn undone(text: &[char]) -> Chars {
    let mut undone = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (c, taken) = match (first, after) {
            // As this program itself shows what cannot be seen.
            ('\\', ['u', '{', braced @ ..]) => until(braced, '}', 16).map(|(c, taken)| (c, taken + 2)),
            ('\\', ['u', ..]) => escaped(after, 1, UNICODE_DIGITS),
            ('\\', ['x', ..]) => escaped(after, 1, BYTE_DIGITS),
            ('\\', ['b' | 'f' | 'n' | 'r' | 't', ..]) => Some((' ', 1)),
            ('\\', [c, ..]) => Some((*c, 1)),
            ('%', _) => escaped(after, 0, BYTE_DIGITS),
            ('&', _) => entity(after),
            _ => None,
        }
        .unwrap_or((*first, 0));
        undone.push(c);
        rest = &after[taken..];
    }
    undone
}

/// The character that `digits` hexadecimal digits after the first `start` characters stand for, and how many characters
/// that takes.
fn escaped(text: &[char], start: usize, digits: usize) -> Option<(char, usize)> {
    let end = start + digits;
    Some((code(text.get(start..end)?, 16)?, end))
}

/// The character of a reference of HTML, after its `&`. Those with a name are punctuation.
fn entity(text: &[char]) -> Option<(char, usize)> {
    match text {
        ['#', 'x' | 'X', digits @ ..] => until(digits, ';', 16).map(|(c, taken)| (c, taken + 2)),
        ['#', digits @ ..] => until(digits, ';', 10).map(|(c, taken)| (c, taken + 1)),
        name => {
            let len = name.iter().take(MAX_REFERENCE).position(|c| *c == ';')?;
            name[..len].iter().all(char::is_ascii_alphabetic).then_some((' ', len + 1))
        }
    }
}

/// The character whose number stands before `end`, and how many characters that takes.
fn until(text: &[char], end: char, radix: u32) -> Option<(char, usize)> {
    let len = text.iter().take(MAX_REFERENCE).position(|c| *c == end)?;
    Some((code(&text[..len], radix)?, len + 1))
}

fn code(digits: &[char], radix: u32) -> Option<char> {
    let number = digits
        .iter()
        .try_fold(0_u32, |number, digit| number.checked_mul(radix)?.checked_add(digit.to_digit(radix)?))?;
    // Half of a surrogate pair is a character of its own kind.
    Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests;
