//! What the reader has done: the exercises that passed, the hints that were read. A text file, one
//! fact a line.

use std::env::var_os;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use crate::course::Course;
use crate::say::complain;
use crate::words::text;

pub struct Progress {
    lines: Vec<String>,
    path: PathBuf,
}

impl Progress {
    /// It stands beside the exercises; without those, where programs keep such things. The tests
    /// have their own.
    pub fn read(course: Option<&Course>) -> Self {
        let path = match (var_os("GRADE_PROGRESS"), course) {
            (Some(path), _) => path.into(),
            (None, Some(course)) => course.progress(),
            (None, None) => elsewhere(),
        };
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().map(str::to_owned).collect();
        Self { lines, path }
    }

    pub fn is_done(&self, exercise: &str) -> bool {
        self.lines.contains(&format!("done {exercise}"))
    }

    pub fn add_done(&mut self, exercise: &str) {
        if !self.is_done(exercise) {
            self.add(format!("done {exercise}"));
        }
    }

    /// How many hints were read.
    pub fn hints(&self, exercise: &str) -> usize {
        let hint = format!("hint {exercise}");
        self.lines.iter().filter(|line| **line == hint).count()
    }

    pub fn add_hint(&mut self, exercise: &str) {
        self.add(format!("hint {exercise}"));
    }

    /// Appends, as another grader may run at the same time.
    fn add(&mut self, line: String) {
        if let Some(folder) = self.path.parent() {
            let _ = fs::create_dir_all(folder);
        }
        let file = OpenOptions::new().append(true).create(true).open(&self.path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
            let path = self.path.display().to_string();
            complain!("{}", text!("cannot note it in {path}: {error}", path, error));
        }
        self.lines.push(line);
    }
}

fn elsewhere() -> PathBuf {
    let in_home = |home| PathBuf::from(home).join(".local/state");
    let folder = ["XDG_STATE_HOME", "LOCALAPPDATA"].into_iter().find_map(var_os);
    let folder = folder.map(PathBuf::from).or_else(|| var_os("HOME").map(in_home));
    folder.unwrap_or_default().join("socket-steps/progress")
}
