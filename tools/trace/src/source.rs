//! The line of code that made a call: strace says who called whom, as places in files, and their
//! debug information says which lines these are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;

use addr2line::Loader;
use object::elf::ProgramHeader64;
use object::read::elf::ProgramHeader as _;
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, ReadCache, SymbolKind};
use regex_lite::Regex;

use crate::strace::regex;

/// Who called whom, as strace writes it: the innermost one first.
pub type Stack = Rc<[String]>;

/// What such a line begins with, and no other does.
pub const FRAME: &str = " > ";

/// So many of these lines are remembered. (A program that makes its own code has more.)
const MANY: usize = 100_000;

/// A line of code.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// With its folder.
    pub file: Rc<str>,
    pub line: u32,
}

/// What these files are called: without the folder, but for the second one of a name.
#[derive(Default)]
pub struct Names {
    all: BTreeMap<Rc<str>, String>,
}

impl Names {
    pub fn of(&mut self, file: &Rc<str>) -> &str {
        if !self.all.contains_key(file) {
            let mut parts = file.rsplit('/').filter(|part| !part.is_empty());
            let mut name = parts.next().unwrap_or(file).to_owned();
            while self.all.values().any(|other| *other == name) {
                let Some(folder) = parts.next() else { break };
                name = format!("{folder}/{name}");
            }
            self.all.insert(Rc::clone(file), name);
        }
        self.all.get(file).map_or("", String::as_str)
    }

    /// Each name, and where that file is.
    pub fn all(&self) -> impl Iterator<Item = (String, String)> {
        self.all.iter().map(|(file, name)| (name.clone(), file.to_string()))
    }
}

/// Finds lines of code.
#[derive(Default)]
pub struct Sources {
    /// In front of each path: where a process sees its files.
    root: PathBuf,
    modules: Vec<Module>,
    /// Which of them is at a path. `None`: what is there is no program.
    paths: HashMap<String, Option<usize>>,
    files: Files,
    /// What each line of a stack says.
    known: HashMap<String, Rc<Frame>>,
    /// Whether one can have called the other.
    calls: HashMap<(Address, Address), bool>,
}

/// A place in the memory of a program, as its file counts it: the module, and where there.
type Address = (usize, u64);

/// A line of a stack.
#[derive(Default)]
struct Frame {
    /// Where it goes on.
    address: Option<Address>,
    /// The lines of code: of a call that was put into another function, there are several, and the
    /// innermost one is the first.
    places: Vec<Place>,
}

/// A line that may be the one.
struct Place {
    source: Source,
    /// In the file in which the program's `main` is.
    is_mains: bool,
}

/// Whether an executable says which line is where, or which file does.
pub fn has_debug_information(file: &[u8]) -> bool {
    object::File::parse(file).is_ok_and(|file| {
        let all = [".debug_line", ".zdebug_line", ".gnu_debuglink", ".gnu_debugaltlink"];
        all.iter().any(|name| file.section_by_name(name).is_some())
    })
}

impl Sources {
    /// Of a process that ran already: it may have other files than this one.
    pub fn of_running(pid: i32) -> Self {
        Self { root: format!("/proc/{pid}/root").into(), ..Self::default() }
    }

    /// The innermost line in the file of `main`; else the innermost one whose file is there, and no
    /// library's.
    pub fn find(&mut self, stack: &Stack) -> Option<Source> {
        let mut other = None;
        let mut inner = None;
        for line in stack.iter() {
            let frame = self.frame(line);
            if let (Some(inner), Some(outer)) = (inner, frame.address) {
                if !self.can_call(outer, inner) {
                    // Others are missing in between: one of them may be the one.
                    break;
                }
            }
            for place in &frame.places {
                if place.is_mains {
                    return Some(place.source.clone());
                }
                other.get_or_insert_with(|| place.source.clone());
            }
            inner = frame.address;
        }
        other
    }

    /// Whether something in this stack has debug information, and whether its `main` is here.
    pub fn have(&mut self, stack: &Stack) -> (bool, bool) {
        let modules = stack.iter().filter_map(|line| Some(self.frame(line).address?.0));
        let modules: Vec<usize> = modules.collect();
        let mut all = modules.iter().filter_map(|module| self.modules[*module].debug.as_ref());
        (all.clone().next().is_some(), all.any(|debug| debug.main.is_some()))
    }

    fn frame(&mut self, line: &str) -> Rc<Frame> {
        if let Some(known) = self.known.get(line) {
            return Rc::clone(known);
        }
        let frame = Rc::new(self.read(line).unwrap_or_default());
        if self.known.len() > MANY {
            self.known.clear();
        }
        self.known.insert(line.to_owned(), Rc::clone(&frame));
        frame
    }

    /// Reads ` > /path/of/a/file(function+0x12) [0x1234]`. Both may have parentheses.
    fn read(&mut self, line: &str) -> Option<Frame> {
        let (text, offset) = line.strip_prefix(FRAME)?.trim_end().rsplit_once(" [0x")?;
        let offset = u64::from_str_radix(offset.strip_suffix(']')?, 16).ok()?;
        let mut paths = text.match_indices('(').map(|(at, _)| &text[..at]);
        let number = paths.find_map(|path| self.module(path))?;
        let module = self.modules.get(number)?;
        let address = module.address(offset)?;
        let places = module.places(address, &mut self.files);
        Some(Frame { address: Some((number, address)), places })
    }

    /// Which module is there.
    fn module(&mut self, path: &str) -> Option<usize> {
        if let Some(known) = self.paths.get(path) {
            return *known;
        }
        let whole = match self.root.as_os_str().is_empty() {
            true => PathBuf::from(path),
            false => self.root.join(path.trim_start_matches('/')),
        };
        let module = Module::read(&whole, &mut self.files);
        let number = module.map(|module| {
            self.modules.push(module);
            self.modules.len() - 1
        });
        self.paths.insert(path.to_owned(), number);
        number
    }

    /// Whether a function can have called the other one, and waits for it.
    fn can_call(&mut self, outer: Address, inner: Address) -> bool {
        let modules = &self.modules;
        *self.calls.entry((outer, inner)).or_insert_with(|| {
            let (calls, called) = (&modules[outer.0], &modules[inner.0]);
            called.is_clear || calls.can_call(outer.1, (outer.0 == inner.0).then_some(inner.1))
        })
    }
}

/// The files of code.
#[derive(Default)]
struct Files {
    all: HashMap<String, Rc<str>>,
    /// Those that are there, and somebody's own: not of a language, nor of a library.
    own: HashMap<Rc<str>, bool>,
}

impl Files {
    fn get(&mut self, file: &str) -> Rc<str> {
        Rc::clone(self.all.entry(file.to_owned()).or_insert_with(|| file.into()))
    }

    fn is_own(&mut self, file: &Rc<str>) -> bool {
        *self.own.entry(Rc::clone(file)).or_insert_with(|| {
            let others = ["/rustc/", "/rustlib/", "/.cargo/registry/", "/.cargo/git/"];
            !file.starts_with("/usr/")
                && !others.iter().any(|other| file.contains(other))
                && Path::new(&**file).is_file()
        })
    }
}

/// A program, or a library.
struct Module {
    file: File,
    segments: Vec<Segment>,
    /// Where each function begins and ends, as far as that is known.
    functions: Vec<(u64, u64)>,
    /// Who follows calls back gets all of them: the file has a table for that. If it has none, or
    /// one that strace's library does not find, because the linker has put the file together without
    /// room in between, only functions with frame pointers are found. Others are left out then.
    is_clear: bool,
    debug: Option<Debug>,
}

/// A part of the file: where it begins there, its size, and where it is in memory.
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

struct Debug {
    loader: Loader,
    /// The file in which `main` is.
    main: Option<Rc<str>>,
}

/// Linux' number of the table.
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;

/// A segment is put into memory in such pieces.
const PAGE: u64 = 4096;

/// Longer functions are not searched for jumps.
const LONGEST: u64 = 1 << 20;

impl Module {
    fn read(path: &Path, files: &mut Files) -> Option<Self> {
        let file =
            File::open(path).ok().filter(|file| file.metadata().is_ok_and(|it| it.is_file()))?;
        let cache = ReadCache::new(&file);
        let object = object::File::parse(&cache).ok()?;
        let segments = object.segments().map(|segment| {
            let (offset, size) = segment.file_range();
            Segment { offset, size, address: segment.address() }
        });
        let segments = segments.collect();
        let mut mains: BTreeSet<(u8, u64)> = BTreeSet::new();
        let mut functions = vec![];
        for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            let (start, size) = (symbol.address(), symbol.size());
            functions.extend((size > 0).then_some((start, start + size)));
            let rank = symbol.name().ok().and_then(is_main);
            mains.extend(rank.map(|rank| (rank, start)));
        }
        functions.sort_unstable();
        let is_clear = match &object {
            object::File::Elf64(elf) => {
                let (endian, mut headers) = (elf.endian(), elf.elf_program_headers().iter());
                let is_code = |header: &&ProgramHeader64<_>| header.p_flags(endian) & 1 != 0;
                let is_whole = |header: &ProgramHeader64<_>| header.p_offset(endian) % PAGE == 0;
                headers.clone().any(|header| header.p_type(endian) == PT_GNU_EH_FRAME)
                    && headers.find(is_code).is_some_and(is_whole)
            }
            _ => false,
        };
        let mut debug = None;
        if object.section_by_name(".debug_info").is_some() {
            debug = Loader::new(path).ok().map(|loader| Debug { loader, main: None });
        }
        drop(object);
        drop(cache);
        let mut module = Self { file, segments, functions, is_clear, debug };
        let main = mains.iter().find_map(|(_, address)| {
            // (It is that of the call before.)
            let places = module.places(address + 1, files);
            places.last().map(|place| Rc::clone(&place.source.file))
        });
        if let Some(debug) = &mut module.debug {
            debug.main = main;
        }
        Some(module)
    }

    /// Where in memory, as the debug information counts, is what is there in the file?
    fn address(&self, offset: u64) -> Option<u64> {
        let inside = |segment: &Segment| {
            let inside = offset.checked_sub(segment.offset)?;
            (inside < segment.size).then_some(segment.address + inside)
        };
        self.segments.iter().find_map(inside)
    }

    /// The lines of code of the call that returns to an address.
    fn places(&self, address: u64, files: &mut Files) -> Vec<Place> {
        let mut places = vec![];
        let Some(debug) = &self.debug else { return places };
        let Ok(mut frames) = debug.loader.find_frames(address.saturating_sub(1)) else {
            return places;
        };
        while let Ok(Some(frame)) = frames.next() {
            let Some((file, line)) = frame.location.and_then(|at| at.file.zip(at.line)) else {
                continue;
            };
            let file = files.get(file);
            let is_mains = debug.main.as_ref() == Some(&file);
            if line > 0 && (is_mains || files.is_own(&file)) {
                places.push(Place { source: Source { file, line }, is_mains });
            }
        }
        places
    }

    fn bytes(&self, address: u64, length: u64) -> Option<Vec<u8>> {
        let offset = self.segments.iter().find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            (inside + length <= segment.size).then_some(segment.offset + inside)
        });
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact_at(&mut bytes, offset?).ok()?;
        Some(bytes)
    }

    /// The function at an address: where it begins and ends.
    fn function(&self, address: u64) -> Option<(u64, u64)> {
        let next = self.functions.partition_point(|(start, _)| *start <= address);
        let function = self.functions[..next].last()?;
        (address < function.1).then_some(*function)
    }

    /// Whether the call that returns to an address can have led to another one in here, or to none in
    /// here: it names the function, or one that goes on in the other by a jump. Where that is not to
    /// be seen, it can.
    fn can_call(&self, returns_to: u64, inner: Option<u64>) -> bool {
        if cfg!(not(target_arch = "x86_64")) {
            return true;
        }
        let Some(before) = returns_to.checked_sub(7).and_then(|at| self.bytes(at, 7)) else {
            return true;
        };
        let [.., 0xe8, a, b, c, d] = before[..] else {
            // Through a pointer?
            let lengths = [2, 3, 4, 6, 7];
            return lengths.iter().any(|length| {
                let call = &before[7 - length..];
                call[0] == 0xff && call[1] & 0x38 == 0x10
            });
        };
        let target = jump(returns_to, [a, b, c, d]);
        let Some((start, end)) = self.function(target) else { return true };
        let inner = inner.map(|inner| (inner, self.function(inner)));
        let is_in_it = |at: u64| match inner {
            Some((inner, function)) => function.map_or(at == inner, |it| it.0 <= at && at < it.1),
            // In another module: through a table that is no function.
            None => self.function(at).is_none(),
        };
        if is_in_it(target) || inner.is_some_and(|(_, function)| function.is_none()) {
            return true;
        }
        let code = self.bytes(start, (end - start).min(LONGEST)).unwrap_or_default();
        let jumps = (start..).zip(code.windows(6)).any(|(at, bytes)| match *bytes {
            [0xe9, a, b, c, d, _] => is_in_it(jump(at + 5, [a, b, c, d])),
            [0x0f, 0x80..=0x8f, a, b, c, d] => is_in_it(jump(at + 6, [a, b, c, d])),
            [0xff, 0x25, ..] => inner.is_none(),
            _ => false,
        });
        jumps
            || match code.last_chunk() {
                Some(&[0xe9, a, b, c, d]) => is_in_it(jump(end, [a, b, c, d])),
                _ => false,
            }
    }
}

/// Where a jump leads to, which ends at `from`.
fn jump(from: u64, distance: [u8; 4]) -> u64 {
    from.wrapping_add_signed(i32::from_le_bytes(distance).into())
}

/// Whether a function is the `main` that a person has written: in Rust (`main` itself is made there
/// by the compiler), in C and the like, in Go.
fn is_main(name: &str) -> Option<u8> {
    static RUST: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            "^(?:_ZN[0-9]+[A-Za-z0-9_$.]+4main17h[0-9a-f]{16}E|_RNvCs[0-9A-Za-z]+_[0-9]+_?[A-Za-z0-9_]+4main)$",
        )
    });
    match name {
        "main.main" => Some(1),
        "main" => Some(2),
        _ => name.contains("4main").then(|| RUST.is_match(name).then_some(0))?,
    }
}
