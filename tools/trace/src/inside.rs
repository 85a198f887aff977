//! Runs what is asked for in a network namespace of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::Ordering;

use crate::command_line::{Order, Program};
use crate::record::{self, STOP, record};
use crate::{drawing, timeline};

/// What is needed, and the package that has it (on Debian and Ubuntu).
const TOOLS: [(&str, &str); 3] =
    [("strace", "strace"), ("unshare", "util-linux"), ("ip", "iproute2")];

/// The two routes on which everything of 127.0.0.1 travels, and that of ::1,
/// told to acknowledge at once. (IPv6 may be switched off.)
const NETWORK: &str = "\
ip link set lo up &&
for to in 127.0.0.0/8 127.0.0.1; do
    ip route change table local local $to dev lo proto kernel scope host \
        src 127.0.0.1 quickack 1 || exit
done
ip -6 route del table local local ::1 dev lo 2>/dev/null &&
    ip -6 route add table local local ::1 dev lo proto kernel quickack 1
true";

/// To read the kernel's table of connections takes as long as the table is
/// large, which is sized for a big server; a namespace within a namespace can
/// have a small one. (Older kernels don't know that.)
const SMALL_TABLE: &str = "\
echo 4096 2>/dev/null >/proc/sys/net/ipv4/tcp_child_ehash_entries
exec unshare --net \"$@\"";

/// Builds it, goes into a namespace, and shows what happened.
///
/// # Errors
/// In words: what is missing, what does not exist.
pub fn trace(order: Order) -> Result<ExitCode, String> {
    if order.inside { show(&order) } else { go_inside(&order) }
}

fn go_inside(order: &Order) -> Result<ExitCode, String> {
    for (tool, package) in TOOLS {
        if on_the_path(tool).is_none() {
            return Err(format!(
                "cargo trace needs {tool}: sudo apt install {package} (or \
                 your system's package {package})"
            ));
        }
    }
    let programs: Result<Vec<_>, _> = order.programs.iter().map(find).collect();
    let programs = programs?;
    let namespace = namespace()?;
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("unshare");
    command.args(namespace).args(["sh", "-c", SMALL_TABLE, "sh"]);
    command.arg(own).arg("--inside");
    let show = order.show;
    let kinds = [("--calls", show.calls), ("--packets", show.packets), ("--states", show.states)];
    let wanted = kinds.iter().filter(|(_, wanted)| *wanted);
    command.args(wanted.map(|(option, _)| option));
    command.args(["--wait", &order.patience.as_secs().to_string()]);
    for fault in &order.faults {
        command.args(["--fault", &fault.as_option()]);
    }
    if let Some(file) = &order.svg {
        command.arg("--svg").arg(file);
    }
    for (index, (program, path)) in order.programs.iter().zip(programs).enumerate() {
        if index > 0 {
            command.arg("--with");
        }
        command.arg("--").arg(path).args(&program.arguments);
    }
    // Ctrl-C ends the program; what was seen until then is shown.
    ctrlc::set_handler(|| ()).map_err(|error| error.to_string())?;
    let status = command.status().map_err(|error| format!("unshare: {error}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(2)))
}

/// The options for `unshare` with which this system allows a network of one's
/// own.
fn namespace() -> Result<&'static [&'static str], String> {
    let kinds: [&[&str]; 2] = [&["--user", "--map-root-user", "--net"], &["--net"]];
    let mut reason = String::new();
    for kind in kinds {
        let tried = Command::new("unshare")
            .args(kind)
            .arg("true")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("unshare: {error}"))?;
        if tried.status.success() {
            return Ok(kind);
        }
        if reason.is_empty() {
            let text = String::from_utf8_lossy(&tried.stderr);
            reason = text.lines().next().unwrap_or_default().to_owned();
        }
    }
    Err(format!(
        "cargo trace needs a network namespace of its own, and this system allows none ({reason}): use sudo, or \
         on Ubuntu, sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    ))
}

/// The path of a program: an example or an exercise is built.
fn find(program: &Program) -> Result<PathBuf, String> {
    let name = &program.name;
    // (The tests build this from a folder of their own.)
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_top = |folder: &&Path| folder.join("examples/your_turn").is_dir();
    let top = own.ancestors().find(is_top).unwrap_or(own);
    let bare = name.strip_prefix("your_turn/");
    let example = top.join(format!("examples/{name}.rs")).is_file();
    let exercise = bare.unwrap_or(name);
    let turn = top.join(format!("examples/your_turn/{exercise}.rs"));
    if !program.foreign && example && bare.is_none() {
        return build(top, &["--example", name], Path::new("examples").join(name));
    }
    if !program.foreign && turn.is_file() {
        let wanted = ["--package", "your-turn", "--bin", exercise];
        return build(top, &wanted, exercise.into());
    }
    let found = on_the_path(name);
    found.ok_or_else(|| {
        if program.foreign {
            format!("there is no program {name}")
        } else {
            format!(
                "{name} is no example, no exercise and no program (ls \
                 examples; cargo trace --help)"
            )
        }
    })
}

/// Has cargo build it, beside this program.
fn build(top: &Path, what: &[&str], place: PathBuf) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet"])
        .args(what)
        .current_dir(top)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !built.success() {
        return Err("it does not compile (see above)".to_owned());
    }
    let own = env::current_exe().map_err(|error| error.to_string())?;
    Ok(own.with_file_name(place))
}

/// Where a program is: the name may be a path.
fn on_the_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH")?;
    let mut all = env::split_paths(&path).map(|folder| folder.join(name));
    all.find(|path| path.is_file())
}

/// Inside: runs it, and shows what happened.
fn show(order: &Order) -> Result<ExitCode, String> {
    let network = Command::new("sh")
        .args(["-c", NETWORK])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("sh: {error}"))?;
    if !network.status.success() {
        let reason = String::from_utf8_lossy(&network.stderr);
        return Err(format!("the network cannot be set up: {}", reason.trim()));
    }
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed))
        .map_err(|error| error.to_string())?;
    let name = |program: &Program| {
        let name = program.name.rsplit('/').next();
        name.unwrap_or(&program.name).to_owned()
    };
    let names: Vec<String> = order.programs.iter().map(name).collect();
    let command = |program: &Program| {
        let mut command = vec![program.name.clone()];
        command.extend(program.arguments.iter().cloned());
        command
    };
    let commands = order.programs.iter().map(command);
    let (events, left) = record(&record::Order {
        programs: names.iter().cloned().zip(commands).collect(),
        faults: order.faults.iter().map(|fault| fault.as_injection()).collect(),
        patience: order.patience,
    })?;
    let text = timeline::timeline(&events, &left, &names, order.show);
    print!("{text}");
    if let Some(file) = &order.svg {
        let all = timeline::timeline(&events, &left, &names, timeline::ALL);
        std::fs::write(file, drawing::svg(&names.join(" with "), &all, &[])?)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
