//! The record as a file for other programs, and back: one JSON object a line (JSON Lines).
//!
//! The fields are stated in `cargo trace --help`; a test holds them to it. A change that old readers
//! would misread makes a new [`VERSION`].

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::order::Program;
use crate::record::{Event, Outcome, Sink};
use crate::source::Source;
use crate::strace::{Action, CLOSE, Call, End, OPEN, Times};
use crate::tables::{Change, Row};
use crate::tap::{Fate, Kind, Packet};

const VERSION: u32 = 1;

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Object {
    /// The first one.
    Record {
        version: u32,
        /// In seconds since the beginning of 1970; all other times count from there.
        start: String,
        programs: Vec<ProgramObject>,
    },
    /// What a program printed.
    Line(EventObject),
    Call(EventObject),
    /// A process has ended.
    End(EventObject),
    /// The kernel did something by itself.
    Kernel(EventObject),
    /// The last one.
    Exit {
        status: u8,
        /// What else there is to say, as the timeline does at its end.
        notes: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct ProgramObject {
    name: String,
    path: String,
    arguments: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct EventObject {
    program: String,
    process: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_name: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    child: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<(String, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<(usize, usize, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sockets: Vec<(i32, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<Whole>,
    #[serde(skip_serializing_if = "is_false")]
    unsure: bool,
    packets: Vec<PacketObject>,
    states: Vec<ChangeObject>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    open: Vec<u64>,
}

/// What has ended.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whole {
    Thread,
    Process,
    Program,
}

#[derive(Serialize, Deserialize)]
struct PacketObject {
    kind: String,
    from: SocketAddr,
    to: SocketAddr,
    at: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u32>,
    bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    headers: String,
    /// What the network did to it: "lost", "late" or "twice".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// Of "unreachable": who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct ChangeObject {
    /// Those with the same number were seen at the same time.
    look: usize,
    before: Option<RowObject>,
    after: Option<RowObject>,
}

#[derive(Serialize, Deserialize)]
struct RowObject {
    protocol: String,
    local: SocketAddr,
    remote: SocketAddr,
    state: String,
    receive_queue: u32,
    send_queue: u32,
    inode: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(it: &bool) -> bool {
    !it
}

/// Writes a record.
pub struct Writer<'a> {
    file: BufWriter<File>,
    names: &'a [&'a str],
    start: Duration,
}

impl<'a> Writer<'a> {
    /// Starts it.
    pub fn begin(
        file: &Path,
        start: Duration,
        programs: &[Program],
        names: &'a [&'a str],
    ) -> io::Result<Self> {
        let mut writer = Self { file: BufWriter::new(File::create(file)?), names, start };
        let programs = programs.iter().zip(names).map(|(program, name)| ProgramObject {
            name: (*name).to_owned(),
            path: program.name.clone(),
            arguments: program.arguments.clone(),
        });
        let programs = programs.collect();
        let start = format!("{}.{:09}", start.as_secs(), start.subsec_nanos());
        writer.write(&Object::Record { version: VERSION, start, programs })?;
        Ok(writer)
    }

    fn write(&mut self, object: &Object) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, object)?;
        self.file.write_all(b"\n")
    }

    fn name(&self, program: usize) -> String {
        self.names.get(program).copied().unwrap_or_default().to_owned()
    }

    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let since = |time: Duration| time.saturating_sub(self.start).as_secs_f64();
        let looks = event.readings.iter().enumerate();
        let states = looks.flat_map(|(look, reading)| {
            reading.iter().map(move |change| ChangeObject::of(look, change))
        });
        let mut object = EventObject {
            program: self.name(event.program),
            process: event.process,
            process_name: event.name.clone(),
            child: event.is_child,
            at: event.times.at.map(since),
            took: event.times.took.map(|time| time.as_secs_f64()),
            source: event.source.as_ref().map(|it| (it.file.to_string(), it.line)),
            unsure: event.is_unsure,
            packets: event
                .packets
                .iter()
                .map(|one| PacketObject::of(one, since(one.time)))
                .collect(),
            states: states.collect(),
            open: event.open.clone(),
            ..EventObject::default()
        };
        let object = match &event.action {
            Action::Nothing => Object::Kernel(object),
            Action::Text(text) => {
                object.text = Some(text.clone());
                Object::Line(object)
            }
            Action::End(end) => {
                object.text = Some(end.how.clone());
                object.whole = Some(match end {
                    End { of_program: true, .. } => Whole::Program,
                    End { of_process: true, .. } => Whole::Process,
                    _ => Whole::Thread,
                });
                Object::End(object)
            }
            Action::Call(call) => {
                let (text, places) = unmarked(&call.text);
                object.result = text.rsplit_once(" = ").map(|(_, result)| result.to_owned());
                object.name = Some(call.name.clone());
                object.sockets.clone_from(&call.sockets);
                (object.text, object.places) = (Some(text), places);
                Object::Call(object)
            }
        };
        self.write(&object)
    }

    /// What there is can be read.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Ends it.
    pub fn end(mut self, outcome: &Outcome) -> io::Result<()> {
        self.write(&Object::Exit { status: outcome.status, notes: outcome.endings.clone() })?;
        self.file.flush()
    }
}

/// Reads a record.
pub struct Reader {
    /// What its programs are called.
    pub names: Vec<String>,
    /// What was run.
    pub programs: Vec<Program>,
    /// When it began.
    pub start: Duration,
    file: String,
    lines: io::Split<BufReader<File>>,
}

/// What every version has.
#[derive(Deserialize)]
struct First {
    kind: String,
    version: u32,
}

impl Reader {
    /// Reads the first line.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        let cannot = |error: io::Error| format!("cannot read {file}: {error}");
        let none = || format!("{file} is no record of cargo trace");
        let mut lines = BufReader::new(File::open(path).map_err(cannot)?).split(b'\n');
        let line = lines.next().transpose().map_err(cannot)?.unwrap_or_default();
        let first: Option<First> = serde_json::from_slice(&line).ok();
        let first = first.filter(|first| first.kind == "record").ok_or_else(none)?;
        if first.version > VERSION {
            return Err(format!(
                "{file} is a record of version {}: a newer cargo trace wrote it, and this one \
                 knows version {VERSION}",
                first.version
            ));
        }
        let Ok(Object::Record { start, programs, .. }) = serde_json::from_slice(&line) else {
            return Err(none());
        };
        let names = programs.iter().map(|program| program.name.clone()).collect();
        let program = |ProgramObject { path, arguments, .. }| Program {
            name: path,
            arguments,
            foreign: true,
        };
        let programs = programs.into_iter().map(program).collect();
        let start = seconds(&start).ok_or_else(none)?;
        Ok(Self { names, programs, start, file, lines })
    }

    /// Tells of all events, as the recorder did.
    pub fn tell(self, sink: &mut dyn Sink) -> Result<Outcome, String> {
        let Self { names, start, file, lines, .. } = self;
        let index = |name: &String| names.iter().position(|one| one == name);
        for (number, line) in lines.enumerate() {
            let line = line.map_err(|error| format!("cannot read {file}: {error}"))?;
            let wrong = || format!("{file} is no record of cargo trace: see line {}", number + 2);
            let object = match serde_json::from_slice(&line) {
                // A line breaks off: nothing was written after that.
                Err(error) if error.is_eof() => break,
                object => object.map_err(|_| wrong())?,
            };
            let (event, action) = match object {
                Object::Record { .. } => return Err(wrong()),
                Object::Exit { status, notes } => return Ok(Outcome { status, endings: notes }),
                Object::Line(mut event) => {
                    let text = event.text.take().ok_or_else(wrong)?;
                    (event, Action::Text(text))
                }
                Object::End(mut event) => {
                    let (how, whole) = event.text.take().zip(event.whole).ok_or_else(wrong)?;
                    let of_program = whole == Whole::Program;
                    let of_process = of_program || whole == Whole::Process;
                    (event, Action::End(End { how, of_process, of_program }))
                }
                Object::Kernel(event) => (event, Action::Nothing),
                Object::Call(mut event) => {
                    let (name, text) =
                        event.name.take().zip(event.text.take()).ok_or_else(wrong)?;
                    let text = marked(&text, &event.places).ok_or_else(wrong)?;
                    let sockets = std::mem::take(&mut event.sockets);
                    // Only the recorder asks for that.
                    let wakes = false;
                    (event, Action::Call(Call { name, text, sockets, wakes }))
                }
            };
            let program = index(&event.program).ok_or_else(wrong)?;
            sink.event(&event.read(program, action, start).ok_or_else(wrong)?);
            sink.flush();
            if sink.is_over() {
                break;
            }
        }
        let endings = vec!["(the record breaks off here)".to_owned()];
        Ok(Outcome { status: 0, endings })
    }
}

impl EventObject {
    fn read(self, program: usize, action: Action, start: Duration) -> Option<Event> {
        let packets = self.packets.into_iter().map(|packet| packet.read(start));
        let mut readings: Vec<Vec<Change>> = vec![];
        let mut last = None;
        for ChangeObject { look, before, after } in self.states {
            if last.replace(look) != Some(look) {
                readings.push(vec![]);
            }
            let (old, new) = (before.map(RowObject::read), after.map(RowObject::read));
            readings.last_mut()?.push(Change { old, new });
        }
        Some(Event {
            program,
            process: self.process,
            action,
            packets: packets.collect::<Option<_>>()?,
            is_unsure: self.unsure,
            readings,
            open: self.open,
            name: self.process_name,
            is_child: self.child,
            times: Times {
                at: self.at.and_then(length).and_then(|at| start.checked_add(at)),
                took: self.took.and_then(length),
            },
            source: self.source.map(|(file, line)| Source { file: file.into(), line }),
        })
    }
}

impl PacketObject {
    fn of(packet: &Packet, at: f64) -> Self {
        let (what, flags, sequence) = match &packet.kind {
            Kind::Segment { flags, sequence } => {
                let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
                ("segment", Some(flags), Some(*sequence))
            }
            Kind::Datagram => ("datagram", None, None),
            Kind::Refused => ("refused", None, None),
            Kind::Unreachable { .. } => ("unreachable", None, None),
        };
        let network = match packet.fate {
            Fate::Arrives => None,
            Fate::Lost => Some("lost"),
            Fate::Late => Some("late"),
            Fate::Twice => Some("twice"),
        };
        let by = match packet.kind {
            Kind::Unreachable { by } => Some(by),
            _ => None,
        };
        let text = String::from_utf8(packet.data.clone()).ok();
        let hex = text.is_none().then(|| hex(&packet.data));
        Self {
            kind: what.to_owned(),
            from: packet.from,
            to: packet.to,
            at,
            flags,
            sequence,
            bytes: packet.data.len(),
            text: text.filter(|text| !text.is_empty()),
            hex,
            headers: self::hex(&packet.headers),
            network: network.map(str::to_owned),
            by,
        }
    }

    fn read(self, start: Duration) -> Option<Packet> {
        let kind = match (&*self.kind, self.flags, self.sequence) {
            ("segment", Some(flags), Some(sequence)) => {
                Kind::Segment { flags: flags.into_iter().map(kept).collect(), sequence }
            }
            ("datagram", ..) => Kind::Datagram,
            ("refused", ..) => Kind::Refused,
            ("unreachable", ..) => Kind::Unreachable { by: self.by? },
            _ => return None,
        };
        let data = match (self.text, self.hex) {
            (Some(text), _) => text.into_bytes(),
            (_, Some(hex)) => bytes(&hex)?,
            _ => vec![],
        };
        let (from, to, time) = (self.from, self.to, start.checked_add(length(self.at)?)?);
        let fate = match self.network.as_deref() {
            Some("lost") => Fate::Lost,
            Some("late") => Fate::Late,
            Some("twice") => Fate::Twice,
            _ => Fate::Arrives,
        };
        Some(Packet { from, to, kind, data, headers: bytes(&self.headers)?, time, fate })
    }
}

impl ChangeObject {
    fn of(look: usize, change: &Change) -> Self {
        let row = |row: &Option<Row>| row.as_ref().map(RowObject::of);
        Self { look, before: row(&change.old), after: row(&change.new) }
    }
}

impl RowObject {
    fn of(row: &Row) -> Self {
        Self {
            protocol: if row.is_tcp { "tcp" } else { "udp" }.to_owned(),
            local: row.local,
            remote: row.remote,
            state: row.state.to_owned(),
            receive_queue: row.receive_queue,
            send_queue: row.send_queue,
            inode: row.inode,
        }
    }

    fn read(self) -> Row {
        Row {
            is_tcp: self.protocol == "tcp",
            local: self.local,
            remote: self.remote,
            state: kept(self.state),
            receive_queue: self.receive_queue,
            send_queue: self.send_queue,
            inode: self.inode,
        }
    }
}

/// The kinds of marks, here and in the file.
const MARKS: [(&str, &str); 2] = [("fd", "descriptor"), ("at", "address")];

/// The text of a call as it was, and where in it (in characters) there are marks.
pub fn unmarked(text: &str) -> (String, Vec<(usize, usize, String)>) {
    let (mut plain, mut places) = (String::new(), vec![]);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (mark, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        let (kind, what) = mark.split_once(':').unwrap_or(("", mark));
        plain += before;
        let start = plain.chars().count();
        plain += what;
        let known = MARKS.iter().find(|(own, _)| *own == kind);
        let kind = known.map_or(kind, |(_, name)| name).to_owned();
        places.push((start, start + what.chars().count(), kind));
        rest = after;
    }
    (plain + rest, places)
}

fn marked(text: &str, places: &[(usize, usize, String)]) -> Option<String> {
    let mut marked = String::new();
    let mut characters = text.chars();
    let mut at = 0;
    for (start, end, name) in places {
        marked.extend(characters.by_ref().take(start.checked_sub(at)?));
        let what: String = characters.by_ref().take(end.checked_sub(*start)?).collect();
        let known = MARKS.iter().find(|(_, one)| one == name);
        let kind = known.map_or(&**name, |(own, _)| own);
        marked += &format!("{OPEN}{kind}:{what}{CLOSE}");
        at = *end;
    }
    marked.extend(characters);
    Some(marked)
}

/// One of a few words, which stays.
fn kept(word: String) -> &'static str {
    static ALL: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = all.get(&*word) {
        return word;
    }
    let word = String::leak(word);
    all.insert(word);
    word
}

/// A time in seconds.
fn length(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Seconds as text, which has more digits than a number of JSON.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, rest) = text.split_once('.')?;
    Some(Duration::new(whole.parse().ok()?, rest.parse().ok().filter(|_| rest.len() == 9)?))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let both = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (hex.len().is_multiple_of(2)).then(|| hex.as_bytes().chunks(2).map(both).collect())?
}
