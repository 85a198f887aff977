//! Contents by the seed: what people type, and what hardly anybody thinks of. Nobody can write a
//! program for the checks alone, and what holds of one text holds of each.

use fastrand::Rng;

/// Letters of some scripts, of one to four bytes each in UTF-8; the last ones have none in capitals.
const SCRIPTS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "äöüßéèñçåø",
    "абвгдежзийклмноп",
    "你好世界再见朋友",
    "かなカナ",
    "שלום",
    "مرحبا",
    "🌍👋🎉🐢",
];

/// A word of up to 8 letters of one script.
pub fn word(chance: &mut Rng) -> String {
    let script: Vec<char> = SCRIPTS[chance.usize(..SCRIPTS.len())].chars().collect();
    (0..chance.usize(1..=8)).map(|_| script[chance.usize(..script.len())]).collect()
}

/// Any characters there are, as many of each length in UTF-8.
pub fn characters(chance: &mut Rng, number: usize) -> String {
    const LENGTHS: [(u32, u32); 4] =
        [(0, 0x7f), (0x80, 0x7ff), (0x800, 0xffff), (0x1_0000, 0x10_ffff)];
    let any = |_| {
        let (from, to) = LENGTHS[chance.usize(..4)];
        // (Some numbers are none of a character.)
        std::iter::repeat_with(|| char::from_u32(chance.u32(from..=to))).find_map(|it| it)
    };
    (0..number).filter_map(any).collect()
}

/// Some words, with a blank between two of them.
pub fn sentence(chance: &mut Rng) -> String {
    let words: Vec<_> = (0..chance.usize(1..=6)).map(|_| word(chance)).collect();
    words.join(" ")
}

/// Texts in which there is no line ending, in an order by chance: one of each kind that a program
/// may take for something else, and sentences. None is longer than 200 bytes.
pub fn lines(chance: &mut Rng) -> Vec<String> {
    let mut sentence = || sentence(chance);
    let mut lines = vec![
        String::new(),
        " ".to_owned(),
        "0".to_owned(),
        "quit".to_owned(),
        "QUIT".to_owned(),
        format!(" {}", sentence()),
        format!("{} ", sentence()),
        format!("\t{}\t\t{}", sentence(), sentence()),
        format!("{}: {}:: {}", sentence(), sentence(), sentence()),
        format!("{}  {}", sentence(), sentence()),
        format!("quit {}", sentence()),
        format!("{} quit", sentence()),
        "%s%n {} \\n \"'`$(:)".to_owned(),
        sentence(),
        sentence(),
    ];
    for line in &mut lines {
        let end = (0..=200).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or_default());
    }
    chance.shuffle(&mut lines);
    lines
}

/// Bytes that are no text.
pub fn bytes(chance: &mut Rng, number: usize) -> Vec<u8> {
    (0..number).map(|_| chance.u8(..)).collect()
}

/// Cuts them anywhere, into so many pieces, or fewer, where there are not so many bytes: none is empty.
pub fn cut<'a>(chance: &mut Rng, bytes: &'a [u8], pieces: usize) -> Vec<&'a [u8]> {
    let mut places = chance.choose_multiple(1..bytes.len().max(1), pieces.saturating_sub(1));
    places.sort_unstable();
    places.push(bytes.len());
    let mut from = 0;
    let piece = |to| &bytes[std::mem::replace(&mut from, to)..to];
    places.into_iter().map(piece).filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::{bytes, cut, lines};

    #[test]
    fn the_same_seed_gives_the_same() {
        for seed in 0..100 {
            let [mut one, mut other] = [Rng::with_seed(seed), Rng::with_seed(seed)];
            let text = lines(&mut one);
            assert_eq!(text, lines(&mut other));
            assert!(text.iter().all(|line| line.len() <= 200 && !line.contains('\n')), "{text:?}");
        }
    }

    #[test]
    fn pieces_are_all_of_it() {
        let mut chance = Rng::with_seed(7);
        for length in [0, 1, 2, 50] {
            let bytes = bytes(&mut chance, length);
            let pieces = cut(&mut chance, &bytes, 9);
            assert_eq!(pieces.concat(), bytes);
            assert_eq!(pieces.len(), length.min(9));
        }
    }
}
