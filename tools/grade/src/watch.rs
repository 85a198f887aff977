//! `cargo grade --watch`: the next exercise is graded whenever its file is saved, and the one after
//! it when it passes. A key gives a hint.

use std::io::{IsTerminal as _, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossterm::cursor::MoveTo;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::execute;
use crossterm::terminal::{Clear, ClearType, disable_raw_mode, enable_raw_mode};
use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use crate::arguments::Wish;
use crate::catalogue::next;
use crate::exercise::Exercise;
use crate::report::Told;
use crate::say::say;
use crate::verdict::{Verdict, grade};
use crate::words::{Words, text};
use crate::{Reader, new_seed};

/// An editor writes a file in several steps: it has settled when nothing has happened for so long.
const SETTLED: Duration = Duration::from_millis(100);
/// A key is answered within so long.
const GLANCE: Duration = Duration::from_millis(100);
/// Where the system does not tell about a file, it is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// What the reader wants next.
enum Request {
    Saved,
    Again,
    Hint,
    Task,
    End,
}

/// The files of one program, and what the system tells about them.
struct Files {
    files: Vec<PathBuf>,
    changes: Receiver<()>,
    /// When each was last saved, as of the last look.
    saved: Vec<Option<SystemTime>>,
    /// As long as it is there, it looks.
    _watcher: Box<dyn Watcher>,
}

impl Files {
    /// It is the folders that are watched: many editors put a new file in the place of the old one.
    fn watch(files: Vec<PathBuf>) -> notify::Result<Self> {
        let (tell, changes) = channel();
        let on_change = move |_| {
            let _ = tell.send(());
        };
        let look = Config::default().with_poll_interval(LOOK);
        let system = RecommendedWatcher::new(on_change.clone(), Config::default());
        let mut watcher: Box<dyn Watcher> = match system {
            Ok(watcher) => Box::new(watcher),
            Err(_) => Box::new(PollWatcher::new(on_change, look)?),
        };
        let mut folders: Vec<_> = files.iter().map(|file| folder(file)).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        let saved = files.iter().map(|file| saved(file)).collect();
        Ok(Self { files, changes, saved, _watcher: watcher })
    }

    /// Whether one of them was saved since the last look, if the system tells of a change within
    /// so long. Other files in the folder do not count.
    fn saved_within(&mut self, time: Duration) -> bool {
        match self.changes.recv_timeout(time) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return false,
            // Nobody tells any more: it is looked at.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(SETTLED),
        }
        // Something else may write in the same folder all the time.
        let begin = Instant::now();
        while begin.elapsed() < LOOK && self.changes.recv_timeout(SETTLED).is_ok() {}
        let now: Vec<_> = self.files.iter().map(|file| saved(file)).collect();
        // Between two files of an editor there may be none.
        let is_new = now != self.saved && now.iter().all(Option::is_some);
        if is_new {
            self.saved = now;
        }
        is_new
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn saved(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|it| it.modified()).ok()
}

impl Reader {
    /// Grades the exercise (else the next one) when its file is saved, and goes on to the next one
    /// when it passes, until the reader ends it, or all are done.
    pub fn watch(&mut self, wish: &Wish) -> Result<ExitCode, Words> {
        let mut exercise = wish.exercise.or_else(|| next(&self.progress));
        // The first time it is graded as it stands.
        let mut is_new = false;
        while let Some(one) = exercise {
            let files = self.files(one, wish)?;
            let files = Files::watch(files)
                .map_err(|error| text!("cannot watch it: {error}", error = error.to_string()))?;
            if !self.until_it_passes(one, wish, files, is_new) {
                return Ok(ExitCode::SUCCESS);
            }
            is_new = true;
            exercise = match wish.command {
                Some(_) => None,
                None => next(&self.progress),
            };
        }
        match next(&self.progress) {
            Some(next) => say!("  {}", self.offer_next(next)),
            None => say!("\n  {}", text!("All done.")),
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the program is made of: its file in the course, or the files in its command.
    fn files(&self, exercise: &Exercise, wish: &Wish) -> Result<Vec<PathBuf>, Words> {
        let Some(command) = &wish.command else {
            let course = self.course.as_ref().ok_or(text!("Here is no course."))?;
            return Ok(vec![course.file(exercise.name)]);
        };
        let files: Vec<_> = command.iter().map(PathBuf::from).filter(|it| it.is_file()).collect();
        match files.is_empty() {
            true => Err(text!(
                "There is no file in \"{command}\" that could be watched: name one, as in {call} \
                 {name} --watch -- python3 my_program.py",
                command = command.join(" "),
                call = self.call(),
                name = exercise.name
            )),
            false => Ok(files),
        }
    }

    /// Whether it passes in the end; if not, the reader has ended it.
    fn until_it_passes(
        &mut self,
        exercise: &'static Exercise,
        wish: &Wish,
        mut files: Files,
        is_new: bool,
    ) -> bool {
        let mut request = if is_new { Request::Task } else { Request::Again };
        loop {
            match request {
                Request::Saved | Request::Again => {
                    clear();
                    let seed = wish.seed.unwrap_or_else(new_seed);
                    let command = wish.command.clone().or_else(|| self.build(exercise, true));
                    let verdict = command.map_or_else(Verdict::default, |command| {
                        grade(exercise, command, seed, Some(&Told::AgainAndAgain))
                    });
                    if verdict.is_good(exercise) {
                        self.progress.add_done(exercise.name);
                        return true;
                    }
                }
                Request::Hint => {
                    say!("");
                    self.hint(exercise, wish.command.as_ref());
                }
                Request::Task => {
                    say!("");
                    self.task(exercise);
                }
                Request::End => return false,
            }
            say!("\n  {}", self.offer(exercise, wish));
            request = wait(&mut files);
        }
    }

    /// What can be done now.
    fn offer(&self, exercise: &Exercise, wish: &Wish) -> Words {
        let what = match wish.command {
            Some(_) => text!("your program"),
            None => Words::data(format!("examples/your_turn/{}.rs", exercise.name)),
        };
        let words = text!("Save {what}, and it is checked again.", what);
        match stdin().is_terminal() {
            true => {
                words + "\n  " + "Or press: h a hint   t the task   Enter check it again   q end"
            }
            false => words,
        }
    }
}

/// Waits until a file is saved, or a key is pressed that means something.
fn wait(files: &mut Files) -> Request {
    if !stdin().is_terminal() || enable_raw_mode().is_err() {
        loop {
            if files.saved_within(Duration::from_secs(3600)) {
                return Request::Saved;
            }
        }
    }
    let request = loop {
        if files.saved_within(Duration::ZERO) {
            break Request::Saved;
        }
        match poll(GLANCE) {
            Ok(false) => {}
            Ok(true) => {
                if let Some(request) = read().ok().as_ref().and_then(request) {
                    break request;
                }
            }
            Err(_) => break Request::End,
        }
    };
    let _ = disable_raw_mode();
    request
}

fn request(event: &Event) -> Option<Request> {
    let Event::Key(key) = event else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if has_control => Some(Request::End),
        KeyCode::Char('q') => Some(Request::End),
        KeyCode::Char('h') => Some(Request::Hint),
        KeyCode::Char('t') => Some(Request::Task),
        KeyCode::Enter => Some(Request::Again),
        _ => None,
    }
}

/// In a terminal each verdict stands where the last one stood.
fn clear() {
    if stdout().is_terminal() {
        let _ = execute!(stdout(), Clear(ClearType::All), MoveTo(0, 0));
    }
}
