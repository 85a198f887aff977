//! The page "It works here and not there": the chat on two machines, and what keeps one from the
//! other. What was typed and what came of it is compared with a file of `examples/two_machines`,
//! which the page includes.
//!
//! The machines are network namespaces that each test makes, with the script that the page shows. No
//! packet leaves them, and it needs no root. Where that is not allowed, or a tool is missing, the test
//! says so and passes, but not in CI.
//!
//! `cargo test --test steps -- --ignored book`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use regex_lite::Captures;
use tempfile::NamedTempFile;

use super::wire::in_a_network;
use crate::machine::{PYTHON, command, has, launch, missing, program, skip, spawn};
use crate::support::{Terminal, assert_snapshot, regex, top, within_limit};

/// At the server.
const TCPDUMP: &str = "tcpdump -ni eth0 port 8090 or icmp";

/// The machine of the test, in whose network namespace it is, and another one.
struct Machines {
    other: Child,
    /// On this machine there is this file of hosts, and it is called anna.
    hosts: Option<(On, NamedTempFile)>,
    shown: String,
}

/// On which of the two.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Server,
    Client,
}

use On::{Client, Server};

/// Runs `scene` on two machines. `name` is that of the test, and of the file in the book.
fn on_two_machines(name: &str, tools: &[&str], scene: impl FnOnce(&mut Machines)) {
    let test = format!("book::here_and_there::{name}");
    in_a_network(&test, &[&["nsenter", "ip", "nc"], tools].concat(), || {
        let nc = command("nc").arg("-h").output().expect("it starts");
        if !String::from_utf8_lossy(&[nc.stdout, nc.stderr].concat()).contains("OpenBSD netcat") {
            return missing("this nc is not OpenBSD's, which the book shows (netcat-openbsd)");
        }
        let mut machines = Machines::new();
        scene(&mut machines);
        assert_snapshot("two_machines", name, &machines.plain());
    });
}

impl Machines {
    fn new() -> Self {
        let mut other = launch("unshare");
        let other = spawn(other.args(["-n", "sleep", "100"]));
        let network = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).ok();
        let id = other.id().to_string();
        within_limit(|| (network(&id)? != network("self")?).then_some(())).expect("a network");
        let script = top().join("examples/two_machines/network.sh");
        command("sh").arg(script).arg(&id).assert().success();
        Self { other, hosts: None, shown: String::new() }
    }

    /// What starts a program there.
    fn there(&self, on: On, words: &[&str]) -> Command {
        let id = self.other.id().to_string();
        let mut start = match on {
            Server => launch("env"),
            Client => launch("nsenter"),
        };
        if on == Client {
            start.args(["-t", &id, "-n"]);
        }
        if let Some((_, file)) = self.hosts.as_ref().filter(|(named, _)| *named == on) {
            let script = r#"hostname anna && mount --bind "$0" /etc/hosts && exec "$@""#;
            start.args(["unshare", "-mu", "sh", "-ec", script]).arg(file.path());
        }
        // An example is what it is called; the others are in the PATH.
        let is_example = words[0].starts_with(|first: char| first.is_ascii_digit());
        start.arg(if is_example { program(words[0]) } else { words[0] }).args(&words[1..]);
        start
    }

    fn prompt(&mut self, on: On, typed: &str) {
        let machine = if on == Server { "server" } else { "client" };
        let before = if self.shown.is_empty() { "" } else { "\n" };
        writeln!(self.shown, "{before}{machine}$ {typed}").expect("a String");
    }

    /// Types a command, and shows what it says on both outputs; gives that.
    fn types(&mut self, on: On, typed: &str) -> String {
        self.types_and_shows(on, typed, |said| said)
    }

    /// The same, with what `of` leaves of it.
    fn types_and_shows(&mut self, on: On, typed: &str, of: impl Fn(String) -> String) -> String {
        let mut words: Vec<&str> = typed.split_whitespace().collect();
        if typed.contains('\'') {
            words = vec!["sh", "-c", typed];
        }
        let run = self.there(on, &words).output().expect("it starts");
        let said = [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let said = of(said.concat());
        self.prompt(on, typed);
        self.shown += &said;
        said
    }

    /// Knows these names, in the place of what is in the file of hosts.
    fn knows(&mut self, on: On, names: &str) {
        let mut file = NamedTempFile::new().expect("a file");
        write!(file, "127.0.0.1 localhost\n{names}\n").expect("written");
        self.hosts = Some((on, file));
    }

    /// Types what is not for the book.
    fn sets(&self, on: On, script: &str) {
        let run = self.there(on, &["sh", "-ec", script]).output().expect("it starts");
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{script}: {errors}");
    }

    /// Starts a server, and waits for this word of it.
    fn starts(&self, on: On, typed: &str, until: &str) -> Terminal {
        let words: Vec<&str> = typed.split_whitespace().collect();
        let mut terminal = Terminal::open(&mut self.there(on, &words));
        terminal.wait_for(until);
        terminal
    }

    /// Shows what a program has said by now.
    fn shows(&mut self, on: On, typed: &str, said: &str) {
        self.prompt(on, typed);
        self.shown += said;
    }

    /// The ports of clients are numbered. (And in which line of an example a call failed is not the point.)
    fn plain(&self) -> String {
        let port = regex(r"((?:192\.168\.7\.|\[fd07::)[12]\]?[:.])([1-9][0-9]{4})\b");
        let mut ports = HashMap::new();
        let shown = regex(r"(?m)^  line [0-9]+: .*\n").replace_all(&self.shown, "");
        let numbered = port.replace_all(&shown, |parts: &Captures<'_>| {
            let next = ports.len() + 1;
            let number = ports.entry(parts[2].to_owned()).or_insert(next);
            format!("{}PORT{number}", &parts[1])
        });
        numbered.into_owned()
    }

    /// The chat from one to the other, of which the book shows both sides.
    fn chats(&mut self, server: &str, client: &str) {
        let mut serves = self.starts(Server, server, "Ctrl-C");
        let words: Vec<&str> = client.split_whitespace().collect();
        let mut talks = Terminal::open(&mut self.there(Client, &words));
        talks.wait_for("server: ");
        talks.type_line("hi");
        talks.wait_for("hi");
        talks.type_line("quit");
        let said = talks.finish();
        serves.wait_for("disconnected");
        let served = serves.stop();
        self.shows(Server, server, &served);
        self.shows(Client, client, &said);
    }

    /// Watches what comes to the server's port and leaves it.
    fn watches(&self) -> Terminal {
        let shell =
            format!("exec tcpdump -l --immediate-mode {} 2>&1", &TCPDUMP["tcpdump ".len()..]);
        let mut tcpdump = Terminal::open(&mut self.there(Server, &["sh", "-c", &shell]));
        tcpdump.wait_for("listening on eth0");
        tcpdump
    }

    /// Shows the first `count` packets, without times and numbers; gives them.
    fn shows_packets(&mut self, mut tcpdump: Terminal, count: usize) -> String {
        (0..count).for_each(|_| _ = tcpdump.wait_for(" IP "));
        let rest =
            regex(r"(?m)^[0-9:.]+ |, (seq|ack|win) [0-9]+|, options \[[^\]]*\]|, length [0-9]+$");
        let seen = tcpdump.stop();
        let seen = seen.lines().filter(|line| line.contains(" IP ")).take(count);
        let seen: String = seen.map(|line| format!("{}\n", rest.replace_all(line, ""))).collect();
        self.shows(Server, TCPDUMP, &seen.replace("'", ""));
        seen
    }

    /// What comes to this port of the server gets no further: as from a firewall. (`ip rule` decides
    /// about packets as well, and is everywhere.)
    fn firewall(&self, protocol: &str, fate: &str) {
        let script = top().join("examples/two_machines/firewall.sh");
        let script = script.to_str().expect("UTF-8");
        let run = self.there(Server, &["sh", script, protocol, fate]).output().expect("it starts");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        let _ = self.other.kill();
        let _ = self.other.wait();
    }
}

/// What `ip route get` says, without the number of the user.
fn first_line(said: String) -> String {
    let line = said.lines().next().expect("a line");
    let end = line.find(" uid ").unwrap_or(line.len());
    format!("{}\n", line[..end].trim_end())
}

/// The columns of `ss` closer together, up to the address.
fn narrow(table: String) -> String {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows: Vec<_> = rows.collect();
    rows[0] = vec!["State", "Recv-Q", "Send-Q", "Local Address"];
    // (Their order is that of a hash table.)
    rows[1..].sort();
    let row = |row: &Vec<&str>| match row[..] {
        [state, receive, send, local, ..] => {
            format!("{state:<6} {receive:>6} {send:>6}  {local}\n")
        }
        _ => unreachable!("{row:?}"),
    };
    rows.iter().map(row).collect()
}

/// A server for itself alone.
#[test]
#[ignore = "runs what the book shows"]
fn only_here() {
    on_two_machines("only_here", &["ss", "tcpdump"], |machines| {
        let server = "07_chat_server 127.0.0.1:8090";
        let mut serves = machines.starts(Server, server, "Ctrl-C");
        machines.types_and_shows(Server, "ss -ltn", narrow);
        let here = machines.types(Server, "nc -vz 127.0.0.1 8090");
        assert!(here.contains("succeeded!"), "{here}");
        serves.wait_for("disconnected");
        let tcpdump = machines.watches();
        let there = machines.types(Client, "nc -vz 192.168.7.1 8090");
        assert!(there.contains("Connection refused"), "{there}");
        let packets = machines.shows_packets(tcpdump, 2);
        assert!(packets.contains("[S]") && packets.contains("[R.]"), "{packets}");
        // That is the client's own.
        let own = machines.types(Client, "nc -vz 127.0.0.1 8090");
        assert!(own.contains("Connection refused"), "{own}");
        assert_eq!(serves.lines_within(Duration::from_millis(100)), 0);
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn only_here_udp() {
    on_two_machines("only_here_udp", &["ss"], |machines| {
        let _serves = machines.starts(Server, "07_chat_server_udp 127.0.0.1:8090", "Ctrl-C");
        machines.types_and_shows(Server, "ss -lun", narrow);
        let said = machines.types(Client, "07_chat_client_udp 192.168.7.1:8090");
        assert!(said.contains("connection refused"), "{said}");
    });
}

/// For everybody.
#[test]
#[ignore = "runs what the book shows"]
fn everywhere() {
    on_two_machines("everywhere", &[], |machines| {
        machines.chats("07_chat_server 0.0.0.0:8090", "07_chat_client 192.168.7.1:8090");
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn everywhere_udp() {
    on_two_machines("everywhere_udp", &[], |machines| {
        machines.chats("07_chat_server_udp 0.0.0.0:8090", "07_chat_client_udp 192.168.7.1:8090");
    });
}

/// By IPv6: the same conversations.
#[test]
#[ignore = "runs what the book shows"]
fn everywhere_by_ipv6() {
    let test = "book::here_and_there::everywhere_by_ipv6";
    in_a_network(test, &["nsenter", "ip"], || {
        let mut machines = Machines::new();
        for (on, address) in [(Server, "fd07::1/64"), (Client, "fd07::2/64")] {
            let add = ["ip", "-6", "addr", "add", address, "dev", "eth0", "nodad"];
            if !machines.there(on, &add).output().expect("it starts").status.success() {
                return skip("IPv6 is switched off here");
            }
        }
        machines.chats("07_chat_server [::]:8090", "07_chat_client [fd07::1]:8090");
        machines.chats("07_chat_server_udp [::]:8090", "07_chat_client_udp [fd07::1]:8090");
        let shown = machines.plain();
        assert_eq!(shown.matches("client connected [fd07::2]:PORT").count(), 2, "{shown}");
        assert_eq!(shown.matches("server: Server received: hi\n").count(), 2, "{shown}");
    });
}

/// By a name, which the client's machine knows from its file of hosts.
#[test]
#[ignore = "runs what the book shows"]
fn by_name() {
    on_two_machines("by_name", &["getent", "hostname", "unshare", "mount"], |machines| {
        machines.knows(Client, "192.168.7.1 anna");
        let _serves = machines.starts(Server, "07_chat_server 0.0.0.0:8090", "Ctrl-C");
        assert!(machines.types(Client, "getent hosts anna").starts_with("192.168.7.1 "));
        let said = machines.types(Client, "nc -vz anna 8090");
        assert!(said.contains("succeeded!"), "{said}");
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn the_chat_by_name() {
    let test = "book::here_and_there::the_chat_by_name";
    in_a_network(test, &["nsenter", "ip", "hostname", "unshare", "mount"], || {
        let mut machines = Machines::new();
        machines.knows(Client, "192.168.7.1 anna");
        let trial = machines.there(Client, &["07_chat_client", "anna:8090"]).output();
        if trial.expect("it starts").status.code() == Some(2) {
            return skip("the chat takes no name yet");
        }
        machines.chats("07_chat_server 0.0.0.0:8090", "07_chat_client anna:8090");
        machines.chats("07_chat_server_udp 0.0.0.0:8090", "07_chat_client_udp anna:8090");
        // (The page has what the servers say.)
        let shown = machines.plain();
        let clients = shown.split("\n\n").filter(|part| part.starts_with("client$"));
        assert_snapshot(
            "two_machines",
            "the_chat_by_name",
            &clients.collect::<Vec<_>>().join("\n\n"),
        );
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn a_firewall_rejects() {
    on_two_machines("a_firewall_rejects", &["tcpdump"], |machines| {
        let server = "07_chat_server 0.0.0.0:8090";
        let serves = machines.starts(Server, server, "Ctrl-C");
        machines.firewall("tcp", "prohibit");
        let tcpdump = machines.watches();
        let begin = Instant::now();
        let said = machines.types(Client, "nc -vz 192.168.7.1 8090");
        assert!(said.contains("No route to host"), "{said}");
        let packets = machines.shows_packets(tcpdump, 2);
        assert!(packets.contains("[S]") && packets.contains("ICMP"), "{packets}");
        let said = machines.types(Client, "07_chat_client 192.168.7.1:8090");
        assert!(said.contains("(os error 113)"), "{said}");
        assert!(begin.elapsed() < Duration::from_secs(2), "at once: {:?}", begin.elapsed());
        // For others it is as before.
        let said = machines.types(Server, "nc -vz 192.168.7.1 8090");
        assert!(said.contains("succeeded!"), "{said}");
        drop(serves);
    });
}

/// The kernel tells the client, as long as the other one says it: that sends few such answers a second.
#[test]
#[ignore = "runs what the book shows"]
fn a_firewall_rejects_udp() {
    let test = "book::here_and_there::a_firewall_rejects_udp";
    in_a_network(test, &["nsenter", "ip", "strace"], || {
        let machines = Machines::new();
        let _serves = machines.starts(Server, "07_chat_server_udp 0.0.0.0:8090", "Ctrl-C");
        machines.firewall("udp", "prohibit");
        let client = program("07_chat_client_udp");
        let words = ["strace", "-e", "trace=recvfrom", client, "192.168.7.1:8090"];
        let run = machines.there(Client, &words).output().expect("it starts");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(said.contains("= -1 EHOSTUNREACH (No route to host)"), "{said}");
    });
}

/// The server sees what arrives, and its own silence.
#[test]
#[ignore = "runs what the book shows"]
fn a_firewall_drops() {
    on_two_machines("a_firewall_drops", &["tcpdump"], |machines| {
        let _serves = machines.starts(Server, "07_chat_server 0.0.0.0:8090", "Ctrl-C");
        machines.firewall("tcp", "blackhole");
        let tcpdump = machines.watches();
        let begin = Instant::now();
        let said = machines.types(Client, "nc -vz -w 2 192.168.7.1 8090");
        assert!(said.contains("timed out"), "{said}");
        assert!(begin.elapsed() >= Duration::from_millis(1900), "{:?}", begin.elapsed());
        // The kernel tries again after a second. (After two it may have done so twice.)
        let packets = machines.shows_packets(tcpdump, 2);
        assert_eq!(packets.matches("[S]").count(), 2, "{packets}");
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn a_firewall_drops_udp() {
    on_two_machines("a_firewall_drops_udp", &[], |machines| {
        let _serves = machines.starts(Server, "07_chat_server_udp 0.0.0.0:8090", "Ctrl-C");
        machines.firewall("udp", "blackhole");
        let said = machines.types(Client, "07_chat_client_udp 192.168.7.1:8090");
        assert!(said.contains("timed out"), "{said}");
        // Who sent and heard nothing calls that a success.
        let said = machines.types(Client, "nc -vzu 192.168.7.1 8090");
        assert!(said.contains("succeeded!"), "{said}");
    });
}

/// An answer, silence, and no way.
#[test]
#[ignore = "runs what the book shows"]
fn no_way_there() {
    on_two_machines("no_way_there", &[], |machines| {
        machines.types_and_shows(Client, "ip route get 192.168.7.1", first_line);
        let said = machines.types(Client, "ip route get 192.0.2.1");
        assert!(said.contains("unreachable"), "{said}");
        let said = machines.types(Client, "nc -vz 192.0.2.1 8090");
        assert!(said.contains("Network is unreachable"), "{said}");
        // Asked for three times, a second apart: here with less in between.
        machines.sets(Client, "echo 100 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms");
        let said = machines.types(Client, "nc -vz 192.168.7.9 8090");
        assert!(said.contains("No route to host"), "{said}");
        let said = machines.types(Client, "ip neigh show 192.168.7.9");
        assert!(said.contains("FAILED"), "{said}");
    });
}

/// As an ordinary user: in a namespace of users that has no rights over this network.
#[test]
#[ignore = "runs what the book shows"]
fn a_low_port() {
    on_two_machines("a_low_port", &["unshare"], |machines| {
        let typed = "07_first_server 127.0.0.1:80";
        let [name, address] =
            [typed.split(' ').next(), typed.split(' ').nth(1)].map(|word| word.expect("two"));
        let as_a_user = ["unshare", "-U", program(name), address];
        let run = machines.there(Server, &as_a_user).output().expect("it starts");
        assert!(!run.status.success(), "a port below 1024");
        machines.shows(Server, typed, &String::from_utf8_lossy(&run.stderr));
        let typed = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
        machines.types(Server, typed);
        // As containers have it.
        machines.sets(Server, "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start");
        let mut serves = Terminal::open(&mut machines.there(Server, &as_a_user));
        serves.wait_for("nc 127.0.0.1 80");
    });
}

/// What Debian writes into a machine's file of hosts, and who gets there.
#[test]
#[ignore = "runs what the book shows"]
fn its_own_name() {
    let tools = ["getent", "hostname", "unshare", "mount", PYTHON];
    on_two_machines("its_own_name", &tools, |machines| {
        machines.knows(Server, "127.0.1.1 anna");
        assert_eq!(machines.types(Server, "hostname"), "anna\n");
        assert!(machines.types(Server, "getent hosts anna").starts_with("127.0.1.1 "));
        let python = concat!(
            "python3 -c 'import socket; ",
            "print(socket.create_server((socket.gethostname(), 8090)).getsockname())'"
        );
        assert_eq!(machines.types(Server, python), "('127.0.1.1', 8090)\n");
        let said = machines.types_and_shows(Server, "ip route get 192.168.7.2", first_line);
        assert!(said.contains("src 192.168.7.1"), "{said}");
    });
}

/// Neither of the two has an error.
#[test]
#[ignore = "runs what the book shows"]
fn a_port_of_each_family() {
    on_two_machines("a_port_of_each_family", &["ss"], |machines| {
        // (In a new network, this address is there a moment later.)
        let ready = || {
            fs::read_to_string("/proc/net/if_inet6").ok()?.contains("01 80 10 80 ").then_some(())
        };
        let has_ipv6 = fs::metadata("/proc/net/if_inet6").is_ok() && within_limit(ready).is_some();
        if !has_ipv6 {
            return skip("IPv6 is switched off here");
        }
        let _four = machines.starts(Server, "07_chat_server 127.0.0.1:8090", "Ctrl-C");
        let _six = machines.starts(Server, "07_chat_server [::1]:8090", "Ctrl-C");
        let table = machines.types_and_shows(Server, "ss -ltn", narrow);
        assert_eq!(table.matches(":8090\n").count(), 2, "{table}");
    });
}

/// What the page tells its readers to type, in two terminals.
#[test]
#[ignore = "runs what the book shows"]
fn two_machines_on_one_computer() {
    let page = fs::read_to_string(top().join("book/src/here-and-there.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let [server, client, cable] = blocks.collect::<Vec<_>>()[..] else { unreachable!("{page}") };
    if !has(&["unshare", "nsenter", "ip", "bash", "timeout"]) {
        return;
    }
    let tried = command("unshare").args(["-rn", "true"]).output().expect("it starts");
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        return missing(&format!("no network of one's own: {why}"));
    }
    let terminal = || Terminal::open(launch("bash").current_dir(top()));
    // (What is there after a number: the number alone does not say that it is whole.)
    let number = |terminal: &mut Terminal| {
        terminal.type_line("echo number $$");
        let line = terminal.wait_for("number ");
        line.split(' ').nth(1).expect("a number").to_owned()
    };
    let mut serves = terminal();
    serves.type_keys(server);
    let process = number(&mut serves);
    let mut asks = terminal();
    asks.type_keys(&client.replace("SERVER", &process));
    let process = number(&mut asks);
    serves.type_keys(&cable.replace("CLIENT", &process));
    serves.type_line("echo there is a cable");
    serves.wait_for("there is a cable");
    // (It is not the shell that is ended, if something fails.)
    serves.type_line(&format!("timeout 60 {} 0.0.0.0:8090 &", program("07_chat_server")));
    serves.wait_for("Ctrl-C");
    asks.type_line(&format!("{} 192.168.7.1:8090", program("07_chat_client")));
    asks.wait_for("server: Hello, client!");
    asks.type_line("quit");
    asks.wait_for("client closed");
    serves.wait_for("quit");
    // (A shell in a shell.)
    serves.type_line("kill %1; wait; exit\nexit");
    asks.type_line("exit\nexit");
    serves.finish();
    asks.finish();
}
