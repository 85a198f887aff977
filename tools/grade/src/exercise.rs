//! What an exercise is, and the list of them.

use crate::grading::Grading;
use crate::wrong::{How, Wrong};

/// One exercise: a file in `examples/your_turn`, and how it is checked.
pub struct Exercise {
    /// The name of its file, without `.rs`.
    pub name: &'static str,
    /// What the program is, in a few words.
    pub about: &'static str,
    /// The title of its chapter in the book.
    pub chapter: &'static str,
    /// From what everybody gets right to what few think of.
    pub checks: &'static [Check],
    /// Each gives away a little more.
    pub hints: &'static [&'static str],
}

/// One thing that the program must do. It is started anew for each.
pub struct Check {
    /// What it does when it is right, for the line "ok ...".
    pub title: &'static str,
    /// What a failure of this kind usually means, and what to do.
    pub usually: fn(How) -> &'static str,
    pub run: fn(&mut Grading) -> Result<(), Wrong>,
}

/// In the order of the course.
pub const EXERCISES: &[Exercise] = &[
    crate::e02_free_port::EXERCISE,
    crate::e04_doorman::EXERCISE,
    crate::e04_own_address_udp::EXERCISE,
    crate::e05_echo::EXERCISE,
    crate::e06_half_close::EXERCISE,
    crate::e07_chat_client::EXERCISE,
    crate::e08_only_one::EXERCISE,
    crate::e09_frames::EXERCISE,
    crate::e10_write_all::EXERCISE,
    crate::e11_decoder::EXERCISE,
    crate::e12_unstoppable::EXERCISE,
    crate::e13_ping_udp::EXERCISE,
    crate::e14_waiting_room::EXERCISE,
    crate::e15_file_udp::EXERCISE,
    crate::e16_group_chat::EXERCISE,
];

/// The exercise of this name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.name == name)
}

/// The name that is most like this one.
pub fn nearest(name: &str) -> &'static str {
    if let Some(exercise) = EXERCISES.iter().find(|exercise| exercise.name.contains(name)) {
        return exercise.name;
    }
    let likeness = |exercise: &&Exercise| {
        // (Who types only the number, or only the word, means that one.)
        let word = exercise.name.split_once('_').map_or("", |both| both.1);
        let whole = strsim::jaro_winkler(name, exercise.name);
        whole.max(strsim::jaro_winkler(name, word))
    };
    let nearest = EXERCISES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.map_or("", |exercise| exercise.name)
}

#[cfg(test)]
mod tests {
    use super::{EXERCISES, nearest};
    use crate::wrong::How;

    #[test]
    fn a_mistyped_name_finds_its_exercise() {
        assert_eq!(nearest("05_ecko"), "05_echo");
        assert_eq!(nearest("echo"), "05_echo");
    }

    /// Every kind of failure has advice, and no two checks one title.
    #[test]
    fn every_check_has_advice() {
        for exercise in EXERCISES {
            let mut titles = Vec::new();
            for check in exercise.checks {
                assert!(!titles.contains(&check.title), "{}", check.title);
                titles.push(check.title);
                for how in [
                    How::Silent,
                    How::Short,
                    How::End,
                    How::Reset,
                    How::Other,
                    How::More,
                    How::Refused,
                    How::Printed,
                    How::Exit,
                ] {
                    let advice = (check.usually)(how);
                    let is_whole = advice.ends_with(['.', ')', '?']);
                    assert!(is_whole, "{}: {advice}", check.title);
                }
            }
            assert!(exercise.hints.len() > 1, "{}", exercise.name);
        }
    }
}
