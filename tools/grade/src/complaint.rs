//! What a program says of its own end on its standard error: a panic, an exception that nobody
//! caught, an assertion, or a call that failed; and where.

use std::path::Path;

use crate::words::{Words, text};

/// What it said, and how bad it is.
#[derive(Debug, PartialEq)]
pub struct Complaint {
    /// A sentence: "Your program panicked at echo.rs:12: ..."
    pub words: Words,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It would be one in any program: a name that is not defined.
    Mistake,
    /// Nobody has caught it.
    Fatal,
    /// The program was not found, or is none.
    NoProgram,
    /// An error that a program may print as well, and go on.
    Error,
}

/// So much of a message is worth a line.
const MOST: usize = 160;

/// Folders and modules that are not the reader's.
const FOREIGN: &[&str] = &[
    "/lib/python",
    "\\lib\\",
    "<frozen",
    "node:",
    "at java.",
    "at jdk.",
    "at sun.",
    "/rustc/",
    "/library/",
    "internal/",
    "/usr/lib/",
    "/usr/share/",
    "/usr/local/go",
    "/.cargo/",
];

/// The most telling of the last lines on standard error, if one is.
pub fn complaint(lines: &[String]) -> Option<Complaint> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let all = [no_program, rust, go, python, node, java, perl, c];
    all.iter().find_map(|find| find(&lines)).or_else(|| plain(&lines))
}

/// Whether they are what a language itself prints when nobody has caught an exception: not what a
/// program prints that has caught it.
pub fn is_uncaught(lines: &[String]) -> bool {
    const BEGINNINGS: &[&str] = &[
        "Traceback (most recent call last)",
        "Exception in thread \"main\"",
        "Node.js v",
        "PHP Fatal error:  Uncaught ",
        "Fatal error: Uncaught ",
        "terminate called after throwing",
        "    while executing",
        "goroutine 1 [",
    ];
    let any = |is_it: &dyn Fn(&str) -> bool| lines.iter().any(|line| is_it(line));
    // x.rb:12:in 'main': end of file reached (EOFError)
    let is_rubys = |line: &str| {
        let Some((place, message)) = line.split_once(":in ") else { return false };
        let number = place.rsplit(':').next().unwrap_or_default();
        let is_place = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        is_place && message.starts_with(['`', '\'']) && message.ends_with(')')
    };
    any(&|line| BEGINNINGS.iter().any(|it| line.starts_with(it))) || any(&is_rubys)
}

/// What no network can bring about.
const MISTAKES: &[&str] = &[
    "NameError",
    "SyntaxError",
    "IndentationError",
    "TabError",
    "ImportError",
    "ModuleNotFoundError",
    "UnboundLocalError",
    "ReferenceError",
    "Undefined subroutine",
    "Global symbol",
    "syntax error",
    "Can't locate",
];

fn new(kind: Kind, what: &'static str, place: Option<String>, message: &str) -> Complaint {
    let message = message.trim();
    let is_mistake = MISTAKES.iter().any(|start| message.starts_with(start));
    let kind = if is_mistake && kind != Kind::NoProgram { Kind::Mistake } else { kind };
    let does = match place {
        Some(place) => text!("Your program {what} at {place}", what, place),
        None => text!("Your program {what}", what),
    };
    let mut cut: String = message.chars().take(MOST).collect();
    if cut.len() < message.len() {
        cut += "...";
    }
    let is_whole = cut.ends_with(['.', '!', '?']);
    let words = match message.is_empty() {
        true => does,
        false => text!("{does}: {message}", does, message = cut),
    };
    let words = if is_whole { words } else { text!("{words}.", words) };
    Complaint { words, kind }
}

/// "echo.rs:12"
fn place(path: &str, line: &str) -> String {
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy());
    format!("{name}:{line}")
}

fn is_foreign(text: &str) -> bool {
    FOREIGN.iter().any(|part| text.contains(part))
}

/// The interpreter does not find the script, or the shell the program.
fn no_program(lines: &[&str]) -> Option<Complaint> {
    let is_it = |line: &&&str| {
        line.contains("can't open file '")
            || line.starts_with("Can't open perl script")
            || line.starts_with("Error: Could not find or load main class")
            || line.starts_with("error: file not found: ")
            || line.starts_with("Error: Cannot find module '/")
            || line.starts_with("Error: Unable to access jarfile")
            || line.ends_with(": not found") && line.contains("sh: ")
            || line.ends_with(": command not found")
    };
    let line = lines.iter().find(is_it)?;
    // Node says the same of a module that a script asks for. Then there is a place.
    let asked = lines.iter().any(|line| line.starts_with("- ") && !line.starts_with("- node:"));
    let kind = if asked { Kind::Fatal } else { Kind::NoProgram };
    Some(new(kind, "was not found", None, line))
}

/// `thread 'main' panicked at src/main.rs:12:5:`, and the message in the next line.
fn rust(lines: &[&str]) -> Option<Complaint> {
    let (number, at) = lines.iter().enumerate().find_map(|(number, line)| {
        line.starts_with("thread '")
            .then(|| line.split_once("panicked at "))?
            .map(|it| (number, it.1))
    })?;
    let mut parts = at.trim_end_matches(':').rsplitn(3, ':');
    let (_, line, path) = (parts.next()?, parts.next()?, parts.next()?);
    let message = lines.get(number + 1).unwrap_or(&"");
    Some(new(Kind::Fatal, "panicked", Some(place(path, line)), message))
}

/// `panic: message`, and the frames.
fn go(lines: &[&str]) -> Option<Complaint> {
    let message = lines.iter().find_map(|line| line.strip_prefix("panic: "))?;
    let frame = lines.iter().find(|line| line.starts_with('\t') && !is_foreign(line));
    let place = frame.and_then(|line| {
        let (path, line) = line.trim().split_once(".go:")?;
        Some(place(&format!("{path}.go"), line.split(' ').next()?))
    });
    Some(new(Kind::Fatal, "panicked", place, message))
}

/// `  File "echo.py", line 12, in main`, the last one of the reader's; then the message.
fn python(lines: &[&str]) -> Option<Complaint> {
    let frame = |line: &str| {
        let (path, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some((path.to_owned(), rest[..end].to_owned()))
    };
    let frames = lines.iter().enumerate().filter_map(|(number, line)| Some((number, frame(line)?)));
    let frames: Vec<_> = frames.collect();
    let (last, _) = frames.last()?;
    let own = frames.iter().rev().find(|(_, (path, _))| !is_foreign(path));
    let is_message = |line: &&&str| {
        let name = line.split(':').next().unwrap_or_default();
        !line.starts_with(' ') && !name.is_empty() && !name.contains(' ')
    };
    let message = lines[*last..].iter().find(is_message)?;
    // Others' errors may be printed by a program that goes on.
    let is_peers = ["ConnectionReset", "BrokenPipe", "ConnectionAborted"];
    let is_peers = is_peers.iter().any(|name| message.starts_with(name));
    let kind = if is_peers { Kind::Error } else { Kind::Fatal };
    let at = own.map(|(_, (path, line))| place(path, line));
    let mut complaint = new(kind, "raised an exception", at, message);
    let code = own.and_then(|(number, _)| lines.get(*number + 1)).unwrap_or(&"");
    if is_about_the_address(code, message) {
        complaint.words = complaint.words.followed_by(
            "The address is ONE argument, such as 127.0.0.1:20817: split it at the colon, and make \
             a number of the port.",
        );
    }
    Some(complaint)
}

/// Whether a line of Python failed of the address, which it takes for two arguments, or leaves as
/// it is.
fn is_about_the_address(code: &str, message: &str) -> bool {
    let uses = |words: &[&str]| words.iter().any(|words| code.contains(words));
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let is_socket = uses(&["bind(", "connect(", "sendto("]);
    (uses(&["argv"]) && says(&["IndexError", "not enough values to unpack"]))
        || (uses(&["int("]) && says(&["invalid literal for int() with base 10: '127.0.0.1"]))
        || (is_socket
            && says(&["cannot be interpreted as an integer", "must be tuple", "gaierror"]))
}

/// `Error: message`, and frames `    at name (/home/echo.js:12:5)`.
fn node(lines: &[&str]) -> Option<Complaint> {
    let is_message = |line: &str| {
        let line = line.strip_prefix("Uncaught ").unwrap_or(line);
        let name = line.split([':', ' ']).next().unwrap_or_default();
        name.ends_with("Error") && name.chars().all(char::is_alphanumeric) && line.contains(": ")
    };
    let number = lines.iter().position(|line| is_message(line))?;
    let is_nodes = |line: &&str| line.starts_with("    at ") || line.starts_with("Node.js v");
    if !lines[number..].iter().any(is_nodes) {
        return None;
    }
    let at = |line: &str| {
        let line = line.trim().strip_prefix("at ")?;
        let at = line.rsplit('(').next()?.trim_end_matches(')').trim_start_matches("file://");
        let mut parts = at.rsplitn(3, ':');
        let (_, line, path) = (parts.next()?, parts.next()?, parts.next()?);
        (!is_foreign(at)).then(|| place(path, line))
    };
    let place = lines[number..].iter().find_map(|line| at(line));
    // A mistake in the syntax has its place ahead of the message.
    let first = || {
        let (path, line) = lines.first()?.rsplit_once(':')?;
        let is_line = line.chars().all(|c| c.is_ascii_digit()) && !is_foreign(path);
        is_line.then(|| self::place(path, line))
    };
    Some(new(Kind::Fatal, "threw an error", place.or_else(first), lines[number]))
}

/// `Exception in thread "main" java.net.BindException: ...`, and frames.
fn java(lines: &[&str]) -> Option<Complaint> {
    let is_frame = |line: &&&str| line.trim_start().starts_with("at ") && line.contains(".java:");
    let first = lines.iter().position(|line| is_frame(&line))?;
    let message = lines[..first].iter().rev().find(|line| !line.starts_with('\t'));
    let message = message.unwrap_or(&"").trim_start_matches("Exception in thread ");
    let message = message.trim_start_matches("\"main\" ");
    let own = lines.iter().filter(is_frame).find(|line| !is_foreign(line));
    let place = own.and_then(|line| {
        let (path, line) = line.rsplit('(').next()?.trim_end_matches(')').split_once(':')?;
        Some(place(path, line))
    });
    let is_peers = message.contains("Connection reset") || message.contains("Broken pipe");
    let kind = if is_peers { Kind::Error } else { Kind::Fatal };
    Some(new(kind, "threw an exception", place, message))
}

/// `message at echo.pl line 12.`
fn perl(lines: &[&str]) -> Option<Complaint> {
    lines.iter().rev().find_map(|line| {
        let (rest, number) = line
            .rsplit_once(" line ")
            .filter(|_| !line.contains("> line "))
            .or_else(|| line.split_once(", <").and_then(|(line, _)| line.rsplit_once(" line ")))?;
        let number = number.trim_end_matches('.');
        let (message, path) = rest.rsplit_once(" at ")?;
        let is_it = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        let is_it = is_it && !path.contains(' ');
        is_it.then(|| new(Kind::Error, "said", Some(place(path, number)), message))
    })
}

/// An assertion, a sanitizer, or glibc's own checks.
fn c(lines: &[&str]) -> Option<Complaint> {
    for line in lines {
        if let Some((rest, message)) = line.split_once(": Assertion `") {
            // prog: echo.c:12: main
            let mut parts = rest.rsplitn(3, ": ").skip(1);
            let at = parts.next().unwrap_or_default().rsplit_once(':');
            let place = at.map(|(path, line)| place(path, line));
            let message = format!("`{}", message.replace(" failed.", " does not hold"));
            return Some(new(Kind::Fatal, "was ended by its assertion", place, &message));
        }
        if let Some((_, message)) = line.split_once("ERROR: AddressSanitizer: ") {
            let frame = lines
                .iter()
                .find(|line| line.trim_start().starts_with('#') && line.contains(".c:"));
            let place = frame.and_then(|line| {
                let at = line.rsplit(' ').next()?;
                let (path, line) = at.split_once(".c:")?;
                Some(place(&format!("{path}.c"), line.split(':').next()?))
            });
            let what = message.split(" on ").next().unwrap_or(message);
            return Some(new(Kind::Fatal, "was ended by AddressSanitizer", place, what));
        }
        let glibc = [
            "*** stack smashing",
            "*** buffer overflow",
            "free(): ",
            "malloc(): ",
            "malloc_",
            "double free",
            "corrupted ",
            "munmap_chunk",
            "realloc(): ",
        ];
        if glibc.iter().any(|start| line.starts_with(start)) {
            let words = "was ended because it wrote where it must not (beyond the end of a buffer, or \
                         into memory that it had given back)";
            return Some(new(Kind::Fatal, words, None, line));
        }
    }
    None
}

/// `bind: Address already in use`, as perror has it; `Error: Os { code: 98, ... }`, as Rust's main.
fn plain(lines: &[&str]) -> Option<Complaint> {
    const KNOWN: &[&str] = &[
        "already in use",
        "ermission denied",
        "onnection refused",
        "roken pipe",
        "ad file descriptor",
        "nvalid argument",
        "onnection reset by peer",
        "assign requested address",
        "not supported",
        "not connected",
        "oo many open files",
        "timed out",
        "unreachable",
        "No such file",
        "emporarily unavailable",
        "Bad address",
        "on non-socket",
        "nterrupted system",
        "message: \"",
        "in progress",
        "assigned",
        "already connected",
        "Destination address",
    ];
    let is_it = |line: &&&str| KNOWN.iter().any(|words| line.contains(words));
    let line = lines.iter().rev().find(is_it)?;
    Some(new(Kind::Error, "said", None, line))
}

#[cfg(test)]
mod tests {
    use super::{Kind, complaint, is_uncaught};

    fn words(text: &str) -> (String, Kind) {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let found = complaint(&lines).expect(text);
        (found.words.english().to_owned(), found.kind)
    }

    #[test]
    fn nobody_has_caught_it() {
        for (line, expected) in [
            ("goroutine 1 [running]:", true),
            ("x.rb:3:in 'take': end of file reached (EOFError)", true),
            ("/tmp/x.rb:3:in `take': end of file reached (EOFError)", true),
            ("PHP Fatal error:  Uncaught Exception: no in /tmp/x.php:3", true),
            ("    while executing", true),
            ("terminate called after throwing an instance of 'std::runtime_error'", true),
            ("client: an error in 'read' (EOF)", false),
            ("panic: no", false),
            ("PHP Warning:  fread(): no", false),
        ] {
            assert_eq!(is_uncaught(&[line.to_owned()]), expected, "{line}");
        }
    }

    #[test]
    fn each_language_says_it_in_its_own_way() {
        for (text, expected, kind) in [
            (
                "thread 'main' (17) panicked at src/bin/echo.rs:12:5:\nindex out of bounds\nnote: x",
                "Your program panicked at echo.rs:12: index out of bounds.",
                Kind::Fatal,
            ),
            (
                "Traceback (most recent call last):\n  File \"/tmp/echo.py\", line 3, in <module>\n    \
                 main()\n  File \"/tmp/echo.py\", line 12, in main\n    f(x)\n    ~^^\n  File \
                 \"/usr/lib/python3.11/json.py\", line 7, in f\n    raise\nValueError: no: number",
                "Your program raised an exception at echo.py:12: ValueError: no: number.",
                Kind::Fatal,
            ),
            (
                "  File \"x.py\", line 2\n    x =\n       ^\nSyntaxError: invalid syntax",
                "Your program raised an exception at x.py:2: SyntaxError: invalid syntax.",
                Kind::Mistake,
            ),
            (
                "python3: can't open file '/tmp/ecko.py': [Errno 2] No such file or directory",
                "Your program was not found: python3: can't open file '/tmp/ecko.py': [Errno 2] No \
                 such file or directory.",
                Kind::NoProgram,
            ),
            (
                "node:events:497\n      throw er; // Unhandled 'error' event\n      ^\n\nError: read \
                 ECONNRESET\n    at TCP.onStreamRead (node:internal/stream:217:20)\nNode.js v18",
                "Your program threw an error: Error: read ECONNRESET.",
                Kind::Fatal,
            ),
            (
                "/tmp/x.js:4\n  throw new Error('x')\n  ^\n\nError: x\n    at f (/tmp/x.js:4:9)\n",
                "Your program threw an error at x.js:4: Error: x.",
                Kind::Fatal,
            ),
            (
                "Exception in thread \"main\" java.net.BindException: Address already in use\n\tat \
                 java.base/sun.nio.ch.Net.bind0(Native Method)\n\tat \
                 java.base/sun.nio.ch.Net.bind(Net.java:555)\n\tat Echo.main(Echo.java:12)",
                "Your program threw an exception at Echo.java:12: java.net.BindException: Address \
                 already in use.",
                Kind::Fatal,
            ),
            (
                "Exception in thread \"main\" java.lang.NegativeArraySizeException: -1\n\tat \
                 Neg.main(neg_java.java:31)\n\tat \
                 java.base/jdk.internal.reflect.Direct.invoke(Direct.java:103)",
                "Your program threw an exception at neg_java.java:31: \
                 java.lang.NegativeArraySizeException: -1.",
                Kind::Fatal,
            ),
            ("no at x.pl line 12.", "Your program said at x.pl:12: no.", Kind::Error),
            (
                "no at x.pl line 12, <STDIN> line 3.",
                "Your program said at x.pl:12: no.",
                Kind::Error,
            ),
            (
                "echo: echo.c:12: main: Assertion `n > 0' failed.",
                "Your program was ended by its assertion at echo.c:12: `n > 0' does not hold.",
                Kind::Fatal,
            ),
            (
                "bind: Address already in use",
                "Your program said: bind: Address already in use.",
                Kind::Error,
            ),
        ] {
            assert_eq!(words(text), (expected.to_owned(), kind));
        }
        assert_eq!(complaint(&["a client came".to_owned()]), None);
    }
}
