//! One run of a check under `cargo trace`: its record, as it is shown.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use process_wrap::std::{ProcessGroup, StdCommandWrap};
use serde_json::{Deserializer, Value};
use timeline::{File, Timeline};

use crate::groups;
use crate::keeper;
use crate::language::Language;
use crate::marks::GRADER;
use crate::one_check::{Again, FAILS, PASSES};
use crate::words::{Words, text};

/// A run that has not ended by then is ended. (The check has an end of its own before that.)
const LIMIT: Duration = Duration::from_secs(120);
/// So many bytes are taken.
const MOST: u64 = 32 << 20;
/// A record that is longer is not for one who goes step by step.
const LINES: usize = 4000;
/// Some more are to be seen of the solution.
pub const MORE: usize = 300;

/// How the check ended there.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Passes,
    Fails,
    NotRun(String),
}

/// A run.
pub struct Recorded {
    pub end: End,
    /// Its timeline, up to the verdict.
    pub text: String,
    files: Vec<(String, Option<String>)>,
}

impl Recorded {
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// What the grader expected at its end.
    pub fn expected(&self) -> Option<&str> {
        let start = format!("{GRADER}expected: ");
        self.text.lines().rev().find_map(|line| line.strip_prefix(&start))
    }

    /// Keeps the beginning.
    pub fn cut(&mut self, lines: usize) {
        if self.lines() > lines {
            let kept: Vec<_> = self.text.lines().take(lines).collect();
            self.text = kept.join("\n") + "\n  ...     what follows is not shown\n";
        }
    }

    /// What the player has of it.
    pub fn player(&self, name: &str) -> Value {
        let timeline = Timeline::read(&self.text);
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, text)| File { name: name.clone(), text: text.clone() })
            .collect();
        timeline.player(name, &files)
    }
}

/// Runs it. `Err`: it cannot be shown, and why.
pub fn record(
    tracer: &Path,
    again: &Again,
    command: &[String],
    name: &str,
) -> Result<Recorded, Words> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let page = Temporary::new();
    let mut traced = Command::new(tracer);
    traced.args(["--wait", "60", "--alone"]);
    if Language::of(command).is_compiled() {
        traced.args(["--code", "--page"]).arg(&page.0);
    }
    traced.arg("--").arg(&own);
    traced.args(again.arguments()).args(command).env(keeper::mark().0, keeper::mark().1);
    let (status, output, errors) = run(traced)?;
    let grader = own.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let all = String::from_utf8_lossy(&output);
    let Some((text, verdict)) = shown(&all, &grader, name) else {
        let errors = String::from_utf8_lossy(&errors);
        let last = errors.lines().rev().find(|line| !line.trim().is_empty());
        let words = last.unwrap_or("the run ended before the check did");
        return Err(text!("cargo trace: {words}", words = words.to_owned()));
    };
    let end = match status {
        Some(0) if verdict.starts_with(PASSES) => End::Passes,
        Some(1) if verdict.starts_with(FAILS) => End::Fails,
        _ => End::NotRun(verdict),
    };
    let lines = text.lines().count();
    if end == End::Fails && lines > LINES {
        return Err(text!(
            "This check is too long to go through step by step: up to where it fails, {lines} \
             lines of calls, packets and states.",
            lines
        ));
    }
    let page = fs::read_to_string(&page.0).unwrap_or_default();
    let mut files = files(&page, &text);
    if files.is_empty() {
        files.extend(script(command));
    }
    Ok(Recorded { end, files, text })
}

/// An exit status, and what was printed: the output and the errors.
type Ran = (Option<i32>, Vec<u8>, Vec<u8>);

/// Runs it to its end, within a limit.
fn run(command: Command) -> Result<Ran, Words> {
    let mut command = StdCommandWrap::from(command);
    command.command_mut().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.wrap(ProcessGroup::leader());
    let mut child = command.spawn().map_err(|error| text!("cargo trace: {error}", error))?;
    groups::add(child.id());
    let output = read(child.stdout().take());
    let errors = read(child.stderr().take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status.code()),
            Ok(None) if start.elapsed() < LIMIT => thread::sleep(Duration::from_millis(10)),
            Ok(None) => break Err(text!("Under the tracer, this check takes too long.")),
            Err(error) => break Err(text!("cargo trace: {error}", error)),
        }
    };
    // Whatever it has left.
    let _ = child.start_kill();
    let _ = child.wait();
    groups::remove(child.id());
    let status = status?;
    let last = Duration::from_secs(5);
    let [output, errors] = [output, errors].map(|all| all.recv_timeout(last).unwrap_or_default());
    Ok((status, output, errors))
}

/// All that comes, up to a limit, in a thread of its own.
fn read(from: Option<impl Read + Send + 'static>) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (all, inbox) = channel();
    thread::spawn(move || {
        let mut bytes = vec![];
        let mut from = from?;
        let _ = from.by_ref().take(MOST).read_to_end(&mut bytes);
        let _ = all.send(bytes);
        // What is too much goes nowhere, so that it ends.
        std::io::copy(&mut from, &mut std::io::sink()).ok()
    });
    inbox
}

/// A file that is gone afterwards.
struct Temporary(std::path::PathBuf);

impl Temporary {
    fn new() -> Self {
        let name = format!("grade-{}-{:x}.html", std::process::id(), fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The script that is run: its lines are not known, but it can be read beside the run.
fn script(command: &[String]) -> Option<(String, Option<String>)> {
    const LARGEST: u64 = 1 << 18;
    if Language::of(command).is_compiled() {
        return None;
    }
    let is_file =
        |path: &&Path| path.metadata().is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
    let path = command.iter().map(Path::new).skip(usize::from(command.len() > 1)).find(is_file)?;
    let text = fs::read_to_string(path).ok().filter(|text| !text.contains('\0'))?;
    Some((path.file_name()?.to_string_lossy().into_owned(), Some(text)))
}

/// The files of code in a page of `cargo trace` that a timeline names.
fn files(page: &str, timeline: &str) -> Vec<(String, Option<String>)> {
    const RECORD: &str = "\nsocketSteps.record(";
    let Some((_, rest)) = page.rsplit_once(RECORD) else { return vec![] };
    // Its name, a comma, and the record.
    let mut name = Deserializer::from_str(rest).into_iter::<Value>();
    let _ = name.next();
    let rest = rest.get(name.byte_offset()..).unwrap_or_default().trim_start_matches([',', ' ']);
    let Some(Ok(record)) = Deserializer::from_str(rest).into_iter::<Value>().next() else {
        return vec![];
    };
    let files = record["files"].as_array().cloned().unwrap_or_default();
    let files = files.iter().filter_map(|file| {
        let name = file["name"].as_str()?;
        let is_named = timeline.contains(&format!("  [{name}:"));
        is_named.then(|| (name.to_owned(), file["text"].as_str().map(str::to_owned)))
    });
    files.collect()
}

/// What is shown of a record, and the grader's verdict, which is its last line. The grader's own
/// calls that say nothing are left out, and its code. `None`: there is no verdict.
fn shown(all: &str, grader: &str, name: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = all.lines().map(|line| line.trim_end_matches('\r')).collect();
    let is_verdict = |line: &&str| {
        let words = line.strip_prefix(GRADER).unwrap_or_default();
        [FAILS, PASSES, "not run: "].iter().any(|start| words.starts_with(start))
    };
    let end = lines.iter().rposition(is_verdict)?;
    let verdict = lines[end].strip_prefix(GRADER).unwrap_or_default().to_owned();
    let mut text = String::new();
    let mut others = None;
    for (at, line) in lines[..=end].iter().enumerate() {
        if line.is_empty() || line.starts_with("  prints") {
            continue;
        }
        let line = &match call(line) {
            Some((head, label, rest)) if label.is_none_or(|label| is_of(label, grader)) => {
                // What it leads to stands below it.
                let is_followed = rest.ends_with(" ...")
                    || lines.get(at + 1).is_some_and(|next| !is_own_doing(next));
                if is_quiet(rest) && !is_followed {
                    continue;
                }
                format!("{head}grader: {}", without_place(rest))
            }
            Some((head, Some(label), rest)) => {
                let (base, number) = label.split_once(" [").unwrap_or((label, ""));
                let is_it = *others.get_or_insert_with(|| base.to_owned()) == *base;
                let base = if is_it { name } else { base };
                let number = if number.is_empty() { String::new() } else { format!(" [{number}") };
                format!("{head}{base}{number}: {rest}")
            }
            _ => (*line).to_owned(),
        };
        text += line;
        text.push('\n');
    }
    Some((text, verdict))
}

/// A call, its result or the end of a process: what stands ahead of the name of its program, that
/// name, and the rest. A call without a name is one of whoever came first: that is the grader.
fn call(line: &str) -> Option<(&str, Option<&str>, &str)> {
    let start = ["  call    (", "  call    ", "  result  "]
        .into_iter()
        .find(|start| line.starts_with(start))?;
    let (head, rest) = line.split_at(start.len());
    match rest.split_once(": ") {
        // No string, and no arguments.
        Some((label, rest)) if !label.contains(['(', '"', '=']) => Some((head, Some(label), rest)),
        _ if start.ends_with('(') => None,
        _ => Some((head, None, rest)),
    }
}

fn is_of(label: &str, name: &str) -> bool {
    label == name || label.strip_prefix(name).is_some_and(|rest| rest.starts_with(" ["))
}

/// Another call, or a line that is printed: nothing of the call above.
fn is_own_doing(line: &str) -> bool {
    let others = ["  call", "  result", "  prints"];
    !line.starts_with("  ") || others.iter().any(|start| line.starts_with(start))
}

/// Calls of the grader's that are about its own socket alone.
fn is_quiet(call: &str) -> bool {
    let quiet = ["fcntl(", "ioctl(", "setsockopt(", "getsockopt(", "poll(", "getsockname("];
    // (A second descriptor has a name from then on.)
    quiet.iter().any(|start| call.starts_with(start)) && !call.contains("F_DUPFD")
}

/// Without the line of code at its end.
fn without_place(call: &str) -> &str {
    match call.rsplit_once("  [") {
        Some((call, place)) if place.ends_with(']') && !place.contains(['"', ' ']) => call,
        _ => call,
    }
}

#[cfg(test)]
mod tests {
    use super::{files, shown};

    #[test]
    fn what_says_nothing_is_left_out() {
        let all = "\
grader: checks: it
  call    grade: fcntl(FD2, F_GETFL) = 0x2 (flags O_RDWR)  [wire.rs:7]
  call    grade: ioctl(FD2, FIONBIO, [0]) = 0
  queue     FD2, PORT1 to 20817: Recv-Q 0 -> 1
  call    python3 [2]: recvfrom(FD1, \"grade: \", 5) = 7  [a.py:3]

  call    grade: sendto(FD2, \"  [x]\", 5) ...  [wire.rs:8]
  call    other: bind(FD3) = 0
  call    close(FD2) = 0  [wire.rs:9]
  prints  [say.rs:3]
grader: ok: not yet
grader: FAIL: got ok
  call    (python3: killed by SIGKILL)
";
        let (text, verdict) = shown(all, "grade", "your program").expect("a verdict");
        assert_eq!(verdict, "FAIL: got ok");
        assert_eq!(
            text,
            "\
grader: checks: it
  call    grader: ioctl(FD2, FIONBIO, [0]) = 0
  queue     FD2, PORT1 to 20817: Recv-Q 0 -> 1
  call    your program [2]: recvfrom(FD1, \"grade: \", 5) = 7  [a.py:3]
  call    grader: sendto(FD2, \"  [x]\", 5) ...
  call    other: bind(FD3) = 0
  call    grader: close(FD2) = 0
grader: ok: not yet
grader: FAIL: got ok
"
        );
        assert_eq!(shown("grader: checks: it\n", "grade", ""), None);
    }

    #[test]
    fn the_code_is_taken_that_is_named() {
        let page = "<script>\nsocketSteps.record(\"a, b\", {\"files\": [{\"name\": \"a.rs\", \
                    \"text\": \"x\"}, {\"name\": \"b.rs\"}]});\n</script>";
        let a = ("a.rs".to_owned(), Some("x".to_owned()));
        assert_eq!(files(page, "  call    a: x() = 0  [a.rs:3]\n"), [a]);
        assert_eq!(files("", "  [a.rs:3]"), []);
    }
}
