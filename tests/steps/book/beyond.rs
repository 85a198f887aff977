//! The page "Past one machine": its commands are run as they stand
//! there, in a network of their own, where nobody else has the ports.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use socket_steps::chat::Lang;

use super::changes::needs;
use super::wire::{INSIDE, in_a_network};
use crate::hostile::{greeted, leave, talk};
use crate::machine::{cargo, launch, spawn, succeeds};
use crate::patched::{
    Lines, Program, build_all, numbers_fit, original, patched, program_name, titles,
};
use crate::support::{Terminal, connect, expect, rest, source, top, within_limit};

/// The commands of the page's block of code that has this word in it, a line each.
fn commands(word: &str) -> Vec<String> {
    let page = fs::read_to_string(top().join("book/src/past-one-machine.md")).expect("the page");
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next());
    let mut blocks = blocks.flatten().filter(|block| block.contains(word));
    let block = blocks.next().expect(word);
    assert!(blocks.next().is_none(), "{word} is in two blocks");
    block.lines().map(str::to_owned).collect()
}

/// A terminal for a command of the page.
fn terminal(command: &str) -> Terminal {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["cargo", "run", "--example", name, "--", ref arguments @ ..] => {
            Terminal::start(name, arguments)
        }
        [program, ref arguments @ ..] => {
            Terminal::open(launch(program).args(arguments).current_dir(top()))
        }
        [] => unreachable!("an empty line"),
    }
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that is no example and prints nothing: it is there when its port is.
fn in_the_background(command: &str, port: SocketAddr) -> Running {
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut launched = launch(words[0]);
    // (Nothing between two quotes is an empty word.)
    let arguments = words[1..].iter().map(|word| if *word == "\"\"" { "" } else { *word });
    launched.args(arguments).current_dir(top()).stdout(Stdio::null());
    let mut running = Running(spawn(&mut launched));
    let connects = || match running.0.try_wait() {
        Ok(Some(status)) => unreachable!("{command}: {status}"),
        _ => TcpStream::connect(port).ok(),
    };
    let trial = within_limit(connects).expect(command);
    drop(trial);
    running
}

/// Where HAProxy is reached.
/// Where HAProxy is.
const FRONT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

/// Each of the two servers talks to one client at a time. HAProxy has a client for each of them.
/// It is no client, and no server: who leaves or dies is passed on.
#[test]
#[ignore = "runs what the book shows"]
fn a_load_balancer_in_front() {
    in_a_network("book::beyond::a_load_balancer_in_front", &["haproxy"], || {
        let commands = commands("haproxy.cfg");
        let [one, two, haproxy, client] = &commands[..] else { unreachable!("{commands:?}") };
        let mut servers = [one, two].map(|command| terminal(command));
        for server in &mut servers {
            server.wait_for("listening on");
        }
        let _haproxy = in_the_background(haproxy, FRONT);
        assert_eq!(client, "cargo run --example 07_chat_client");

        // Two at once, though each server serves one. The third waits for one of them.
        let (anna, ben) = (greeted(FRONT), greeted(FRONT));
        talk(&anna, "hi");
        talk(&ben, "hi");
        for server in &mut servers {
            server.wait_for("client: hi");
        }
        let carl = connect(FRONT);
        carl.set_nonblocking(true).expect("an option");
        thread::sleep(Duration::from_millis(300));
        assert!((&carl).read(&mut [0; 9]).is_err(), "carl is served by nobody");
        carl.set_nonblocking(false).expect("an option");
        leave(&anna);
        expect(&carl, Lang::En.server_greeting());
        talk(&carl, "hi");

        // A server that is killed takes its client with it, and no other one.
        let [one, _two] = servers;
        one.stop();
        let mut ended = [&ben, &carl].map(is_cut_off);
        ended.sort_unstable();
        assert_eq!(ended, [false, true], "one of the two is cut off");
        drop((ben, carl));
        // Who comes now is served by the one that is left.
        for _ in 0..4 {
            let dora = greeted(FRONT);
            talk(&dora, "hi");
            leave(&dora);
            assert_eq!(rest(&dora), "");
        }
    });
}

/// The kernel gives each client to one of the two, by a number made of its address: with 100
/// clients both have some. (That one has none happens once in 2^99 runs.) Who comes when one of
/// them is gone gets the other one.
#[test]
#[ignore = "runs what the book shows"]
fn several_processes_on_one_port() {
    const CLIENTS: usize = 100;
    let program = beyond("26_async_server.reuse_port");
    let start = |address: &str| Terminal::open(launch(&program).arg(address));
    let mut one = start("127.0.0.1:0");
    let server = one.invited_to();
    let mut two = start(&server.to_string());
    assert_eq!(two.invited_to(), server);
    let clients: Vec<_> = (0..CLIENTS).map(|_| greeted(server)).collect();
    one.stop();
    let cut_off = clients.iter().filter(|client| is_cut_off(client)).count();
    assert!((1..CLIENTS).contains(&cut_off), "{cut_off} of {CLIENTS}");
    for _ in 0..20 {
        leave(&greeted(server));
    }
    two.stop();
}

/// Whether the server has ended it. (Within a second: it is killed, and the kernel closes.)
fn is_cut_off(mut client: &TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    match client.read(&mut [0; 9]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Two servers, one room: what is said to one of them is heard at both, in order. Without the
/// broker each goes on by itself, and says so.
#[test]
#[ignore = "runs what the book shows"]
fn one_room_on_two_servers() {
    const TITLE: &str = "27_group_chat_tokio.broker";
    if env::var_os(INSIDE).is_none() {
        // In there cargo has no network.
        beyond(TITLE);
    }
    in_a_network("book::beyond::one_room_on_two_servers", &["redis-server"], || {
        let program = beyond(TITLE);
        let commands = commands("redis-server");
        let [apply, redis, servers @ .., anna, ben] = &commands[..] else {
            unreachable!("{commands:?}")
        };
        assert_eq!(apply, "git apply examples/beyond/27_group_chat_tokio.broker.patch");
        let mut redis = in_the_background(redis, SocketAddr::new(FRONT.ip(), 6379));
        let mut servers: Vec<_> = servers
            .iter()
            .map(|command| {
                let arguments = command.split(" -- ").nth(1).expect("an address");
                Terminal::open(launch(&program).arg(arguments))
            })
            .collect();
        let rooms: Vec<_> = servers.iter_mut().map(Terminal::invited_to).collect();
        let [mut anna, mut ben] = [(anna, "anna"), (ben, "ben")].map(|(command, name)| {
            let room = command.split(" -- ").nth(1).expect("an address");
            enter(room.parse().expect("an address"), name)
        });
        assert_ne!(anna.get_ref().peer_addr().ok(), ben.get_ref().peer_addr().ok());
        assert_eq!(next_line(&mut anna), "* ben joins");
        let lines: String = (0..1000).map(|number| format!("line {number}\n")).collect();
        anna.get_mut().write_all(lines.as_bytes()).expect("sent");
        // This may have been on its way when ben came.
        let mut heard = next_line(&mut ben);
        if heard == "* anna joins" {
            heard = next_line(&mut ben);
        }
        assert_eq!(heard, "anna: line 0");
        for number in 1..1000 {
            assert_eq!(next_line(&mut ben), format!("anna: line {number}"));
        }
        ben.get_mut().write_all("你好\n".as_bytes()).expect("sent");
        assert_eq!(next_line(&mut anna), "ben: 你好");

        redis.0.kill().expect("it runs");
        for server in &mut servers {
            server.wait_for("broker");
        }
        let mut carl = enter(rooms[1], "carl");
        assert_eq!(next_line(&mut ben), "* carl joins");
        ben.get_mut().write_all(b"alone?\n").expect("sent");
        assert_eq!(next_line(&mut carl), "ben: alone?");
    });
}

/// Says a name, and is welcome.
fn enter(room: SocketAddr, name: &str) -> BufReader<TcpStream> {
    let mut member = BufReader::new(connect(room));
    member.get_mut().write_all(format!("{name}\n").as_bytes()).expect("sent");
    assert_eq!(next_line(&mut member), format!("* welcome {name}"));
    member
}

fn next_line(member: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    member.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

const MANIFEST: &str = "examples/many_clients/Cargo.toml";

/// The program of a patch in examples/beyond. All of them are built at once.
pub fn beyond(title: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        // What only these need may not have been built before.
        succeeds(cargo().args(["fetch", "--locked", "--quiet"]).current_dir(top()));
        let (programs, warnings) = build_all("beyond", &all_needs(), Lines::Unknown, &all());
        assert_eq!(warnings, "");
        programs
    });
    BUILT.join(program_name(title))
}

fn folder() -> PathBuf {
    top().join("examples/beyond")
}

/// What changed examples need, and what these need beside it.
fn all_needs() -> String {
    let mut needs = needs();
    let package = fs::read_to_string(folder().join("package/Cargo.toml")).expect("a manifest");
    for line in package.lines().filter(|line| line.contains(" = { version")) {
        let name = line.split(' ').next().expect("a name");
        if !needs.contains(&format!("\n{name} =")) {
            needs += &format!("{line}\n");
        }
    }
    needs
}

/// A patch may have a second part, for the manifest: with what else the program needs.
fn all() -> Vec<Program> {
    let needs = all_needs();
    let read = |title: String| {
        let path = folder().join(format!("{title}.patch"));
        let all = fs::read_to_string(&path).expect("a patch");
        if let Some((_, manifest)) = all.split_once(&format!("\n--- a/{MANIFEST}")) {
            let patch = format!("--- a/{MANIFEST}{manifest}");
            let patch = diffy::Patch::from_str(&patch).expect("a patch");
            let old = fs::read_to_string(top().join(MANIFEST)).expect("a manifest");
            diffy::apply(&old, &patch).expect(&title);
            let more = manifest.lines().filter_map(|line| line.strip_prefix('+'));
            for line in more.filter(|line| line.contains(" = {")) {
                assert!(needs.contains(line), "{title}: {line}");
            }
        }
        let old = source(original(&title));
        assert_eq!(numbers_fit(&path, &old), Ok(()));
        let (_, text) = patched(&path, &old).expect("it fits");
        Program { title, text }
    };
    titles(&folder(), ".patch").into_iter().map(read).collect()
}

#[test]
fn each_patch_fits() {
    assert_eq!(all().len(), 3);
}
