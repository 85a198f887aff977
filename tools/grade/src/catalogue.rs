//! The exercises by name, and the table of them.

use crate::exercise::Exercise;
use crate::exercises::EXERCISES;
use crate::progress::Progress;

pub fn exercise(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.name == name)
}

/// The name that is most like this one. Who types only the number, or only the word, means that.
pub fn nearest(name: &str) -> &'static str {
    if let Some(exercise) = EXERCISES.iter().find(|exercise| exercise.name.contains(name)) {
        return exercise.name;
    }
    let likeness = |exercise: &&Exercise| {
        let word = exercise.name.split_once('_').map_or("", |both| both.1);
        let whole = strsim::jaro_winkler(name, exercise.name);
        whole.max(strsim::jaro_winkler(name, word))
    };
    let nearest = EXERCISES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.map_or("", |exercise| exercise.name)
}

/// The first that is not done.
pub fn next(progress: &Progress) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| !progress.is_done(exercise.name))
}

/// The exercises, a line each.
pub fn table(progress: &Progress) -> String {
    let next = next(progress).map(|next| next.name);
    let line = |exercise: &Exercise| {
        let mark = match progress.is_done(exercise.name) {
            true => "done",
            false if next == Some(exercise.name) => "next",
            false => "",
        };
        let step = exercise.chapter.split(':').next().unwrap_or_default().to_lowercase();
        format!("  {mark:<5} {:<20} {} ({step})\n", exercise.name, exercise.title)
    };
    EXERCISES.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{EXERCISES, nearest};
    use crate::wrong::How::{End, Exit, More, Other, Printed, Refused, Reset, Short, Silent};

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
                for how in [Silent, Short, End, Reset, Other, More, Refused, Printed, Exit] {
                    let advice = (check.usually)(how);
                    let is_whole = advice.ends_with(['.', ')', '?']);
                    assert!(is_whole, "{}: {advice}", check.title);
                }
            }
            assert!(exercise.hints.len() > 1, "{}", exercise.name);
        }
    }
}
