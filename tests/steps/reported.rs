//! What people reported, and the atlas says besides its rows. (On Linux.)

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::atlas::{pair, the_atlas_says};
use crate::book::wire::in_a_network;
use crate::hostile_linux::signal;
use crate::machine::{PYTHON, command, has, launch, missing, program, skip, spawn};
use crate::support::{
    HANG_LIMIT, Terminal, closed_tcp_port, connect, datagrams, expect, families, regex,
    within_limit,
};
use crate::unseen::{errno, waits};

/// What this program says for this script, on both of its outputs.
fn says(program: &str, script: &str) -> String {
    let flag = if program == "node" { "-e" } else { "-c" };
    let run = command(program).args([flag, script]).output().expect("it starts");
    [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// A stack beyond any memory stands for a system that is out of threads: the same error.
pub fn a_thread_too_many() -> io::Error {
    let started = thread::Builder::new().stack_size(usize::MAX / 2).spawn(|| ());
    let error = started.expect_err("no room for it");
    // What `thread::spawn` panics with.
    let words = r#"Os { code: 11, kind: WouldBlock, message: "Resource temporarily unavailable" }"#;
    assert_eq!(format!("{error:?}"), words);
    error
}

/// Without rights; or, for who has them, in a namespace that has none in this network.
pub fn a_raw_socket() -> Option<io::Error> {
    const SOCK_RAW: i32 = 3;
    let icmp = Some(Protocol::ICMPV4);
    if let Err(error) = Socket::new(Domain::IPV4, Type::from(SOCK_RAW), icmp) {
        return Some(error);
    }
    if !has(&["unshare", PYTHON]) {
        return None;
    }
    let make = "import socket\n\
                socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)";
    let run = command("unshare").args(["-Ur", PYTHON, "-c", make]).output();
    let said = run.expect("it starts").stderr;
    let said = String::from_utf8_lossy(&said);
    if said.starts_with("unshare: ") {
        missing(&said);
        return None;
    }
    Some(errno(&said))
}

/// The rows that need a network of their own: there each is compared with the atlas.
pub fn fails_in_a_network(call: &str) -> bool {
    match call {
        NO_IPV6 => without_ipv6(),
        GIVEN_UP => given_up_by_this_machine(),
        NEIGHBOUR_GONE => a_neighbour_that_is_gone(),
        _ => return false,
    }
    true
}

const NO_IPV6: &str = "connect: [::1], and IPv6 is switched off";
const GIVEN_UP: &str = "recv: this machine has given it up";
const NEIGHBOUR_GONE: &str = "recv: a machine on your own network is gone";

#[test]
#[ignore = "in a network of its own"]
fn ipv6_can_be_switched_off() {
    without_ipv6();
}

/// As most containers are; and no route leads out of it.
fn without_ipv6() {
    in_a_network("reported::ipv6_can_be_switched_off", &[], || {
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let joined = datagrams("0.0.0.0:0").join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED);
        assert_eq!(joined.expect_err("no route").raw_os_error(), Some(19), "no such device");
        if fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").is_err() {
            return skip("this kernel has no IPv6 that could be switched off");
        }
        let error = TcpStream::connect("[::1]:8090").expect_err("no address to begin from");
        the_atlas_says(NO_IPV6, &error);
        let error = TcpListener::bind("[::1]:8090").expect_err("no such address");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        let error = UdpSocket::bind("127.0.0.1:0").expect("a port").connect("[::1]:9");
        assert_eq!(error.expect_err("the other family").raw_os_error(), Some(97));
    });
}

#[test]
#[ignore = "in a network of its own"]
fn a_connection_can_be_given_up_by_this_machine() {
    given_up_by_this_machine();
}

fn given_up_by_this_machine() {
    in_a_network("reported::a_connection_can_be_given_up_by_this_machine", &["ss"], || {
        let (mut this, _other) = pair();
        let port = this.local_addr().expect("an address").port();
        command("ss").args(["-K", &format!("sport = :{port}")]).output().expect("it starts");
        this.set_read_timeout(Some(Duration::from_millis(500))).expect("an option");
        let error = this.read(&mut [0; 16]).expect_err("no bytes, and no end");
        if error.kind() == ErrorKind::WouldBlock {
            return skip("this kernel does not let ss -K end a connection (INET_DIAG_DESTROY)");
        }
        the_atlas_says(GIVEN_UP, &error);
    });
}

#[test]
#[ignore = "in a network of its own"]
fn a_neighbour_that_is_gone_is_no_time_out() {
    a_neighbour_that_is_gone();
}

/// It answers nothing any more, not even who has its address.
fn a_neighbour_that_is_gone() {
    let test = "reported::a_neighbour_that_is_gone_is_no_time_out";
    in_a_network(test, &["nsenter"], || {
        let neighbour = Neighbour::new();
        let mut server = neighbour.start("07_first_server", "10.9.0.2:8090");
        let mut client = connect(server.invited_to());
        expect(&client, "Hello, client!");
        // Both limits are made shorter: minutes, and three times a second.
        let limit = Some(Duration::from_millis(1200));
        SockRef::from(&client).set_tcp_user_timeout(limit).expect("an option");
        fs::write("/proc/sys/net/ipv4/neigh/v0/retrans_time_ms", "100").expect("a number");
        let id = neighbour.0.id().to_string();
        let gone = "ip link set v1 arp off && ip addr flush dev v1";
        command("nsenter").args(["-t", &id, "-n", "sh", "-c", gone]).assert().success();
        command("ip").args(["neigh", "flush", "dev", "v0"]).assert().success();
        io::Write::write_all(&mut client, b"are you there?").expect("room");
        let error = client.read(&mut [0; 16]).expect_err("nobody is there");
        the_atlas_says(NEIGHBOUR_GONE, &error);
        // It is told once.
        assert_eq!(client.read(&mut [0; 16]).expect("no second error"), 0);
    });
}

/// Neither of two programs sees an error.
pub fn two_at_one_port() {
    let bind = |kind: Type, to: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, kind, None).expect("a socket");
        socket.set_reuse_port(true).expect("an option");
        socket.bind(&to.into()).expect("no error");
        socket
    };
    let first = bind(Type::STREAM, SocketAddr::from(([127, 0, 0, 8], 0)));
    let here = first.local_addr().expect("an address").as_socket().expect("an IP address");
    let second = bind(Type::STREAM, here);
    first.listen(1).and(second.listen(1)).expect("no error");

    // IPv4 and IPv6, without any option.
    if families().len() == 2 {
        let both = within_limit(|| {
            let first = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
            first.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).ok()?;
            let port = first.local_addr().ok()?.as_socket()?.port();
            let second = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
            // (Another test may have that port.)
            second.bind(&SocketAddr::from((Ipv6Addr::LOCALHOST, port)).into()).ok()?;
            first.listen(1).and(second.listen(1)).ok()
        });
        both.expect("two listeners");
    }
    // (UDP sockets with `SO_REUSEADDR`: time_wait.rs.)
}

/// As by Ctrl-Z and `fg`.
#[test]
fn a_server_that_is_only_stopped_keeps_its_port() {
    let mut server = Terminal::start("07_first_server", &["127.0.0.1:0"]);
    let here = server.invited_to();
    signal("STOP", server.id());
    let error = TcpListener::bind(here).expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let client = connect(here);
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("an option");
    let error = (&client).read(&mut [0; 16]).expect_err("nobody greets");
    assert!([ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()), "{error}");
    client.set_read_timeout(Some(HANG_LIMIT)).expect("an option");
    signal("CONT", server.id());
    expect(&client, "Hello, client!");
}

/// A client that closes first keeps its port for a minute, unless the system gives it out again.
#[test]
#[ignore = "in a network of its own"]
fn a_client_without_a_port_can_have_one_from_time_wait() {
    let test = "reported::a_client_without_a_port_can_have_one_from_time_wait";
    in_a_network(test, &[], || {
        let set = |name: &str, value: &str| {
            fs::write(format!("/proc/sys/net/ipv4/{name}"), value).expect("a number");
        };
        set("ip_local_port_range", "40000 40001");
        set("tcp_tw_reuse", "0");
        let listener = TcpListener::bind("127.0.0.1:8090").expect("its port");
        let visit = || {
            let client = TcpStream::connect(listener.local_addr()?)?;
            let (mut conversation, _) = listener.accept()?;
            drop(client);
            conversation.read(&mut [0]).map(drop)
        };
        visit().and_then(|()| visit()).expect("two ports");
        let error = visit().expect_err("there is no third one");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        set("tcp_tw_reuse", "1");
        // After a second.
        within_limit(|| visit().ok()).expect("one of the two");
    });
}

/// Debian and Ubuntu give this address to the machine's own name.
#[test]
fn an_address_beside_127_0_0_1_is_another_one() {
    let (closed, plain) = closed_tcp_port();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 1, 1), plain.port()));
    let listener = listener.expect("a port of another address");
    let error = TcpStream::connect(plain).expect_err("nobody listens there");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    connect(listener.local_addr().expect("an address"));
    drop(closed);
}

/// The server asks for the name of its client, and the name server is silent. Both limits are
/// made shorter: 5 seconds, twice, is what a system has.
pub fn a_name_that_nobody_knows() {
    let test = "reported::a_lookup_waits_for_a_silent_name_server";
    in_a_network(test, &["mount", PYTHON], || {
        let silent = UdpSocket::bind("127.0.0.1:53").expect("the port of name servers");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let settings = b"nameserver 127.0.0.1\noptions timeout:1 attempts:2\n";
        io::Write::write_all(&mut file, settings).expect("written");
        let ask = "import socket; print(socket.getfqdn('192.0.2.7'))";
        let script = "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" -c \"$3\"";
        let mut ask_there = command("unshare");
        ask_there.args(["-m", "sh", "-c", script, "sh"]).arg(file.path()).args([PYTHON, ask]);
        let begin = Instant::now();
        ask_there.assert().success().stdout("192.0.2.7\n");
        assert!(begin.elapsed() >= Duration::from_millis(1900), "{:?}", begin.elapsed());
        silent.recv_from(&mut [0; 512]).expect("the question");
    });
}

#[test]
#[ignore = "in a network of its own"]
fn a_lookup_waits_for_a_silent_name_server() {
    a_name_that_nobody_knows();
}

/// Its last word, a FIN, gets lost like everything else.
pub fn a_machine_that_is_gone() {
    in_a_network("reported::nobody_is_told_of_a_pulled_cable", &["ip"], || {
        let (this, other) = pair();
        command("ip").args(["link", "set", "lo", "down"]).assert().success();
        drop(other);
        waits(&this);
    });
}

#[test]
#[ignore = "in a network of its own"]
fn nobody_is_told_of_a_pulled_cable() {
    a_machine_that_is_gone();
}

/// Two messages in one piece, or half of one. (Python and Rust: unseen.rs.)
#[test]
fn what_node_says_of_glued_or_half_messages() {
    if has(&["node"]) {
        // (Since Node 20.)
        let two = says("node", r#"JSON.parse('{"a":1}{"a":2}')"#);
        assert!(two.contains("Unexpected non-whitespace character after JSON"), "{two}");
        let half = says("node", r#"JSON.parse('{"a":')"#);
        assert!(half.contains("Unexpected end of JSON input"), "{half}");
    }
}

/// A client that wants TLS, at a server that does not: its first bytes, and what it says.
#[test]
fn a_tls_client_at_a_plain_server() {
    if !has(&[PYTHON]) {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let client = format!(
        "import socket, ssl\n\
         context = ssl.create_default_context()\n\
         context.wrap_socket(socket.create_connection(('127.0.0.1', {port})), server_hostname='a')"
    );
    let client = thread::spawn(move || says(PYTHON, &client));
    let (mut conversation, _) = crate::support::accept(&listener);
    let mut first = [0; 4];
    conversation.read_exact(&mut first).expect("a hello");
    assert!(matches!(first, [22, 3, 1, 0..=2]), "{first:?}");
    io::Write::write_all(&mut conversation, b"Hello, client!").expect("room");
    let said = client.join().expect("it ends");
    let words = regex("wrong.version.number|WRONG_VERSION_NUMBER");
    assert!(words.is_match(&said), "{said}");
}

/// Another machine, which is also the only way to others.
struct Neighbour(Child);

impl Neighbour {
    fn new() -> Self {
        let mut holder = launch("unshare");
        let holder = spawn(holder.args(["-n", "sleep", "100"]));
        let network = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).ok();
        let id = holder.id().to_string();
        within_limit(|| (network(&id)? != network("self")?).then_some(())).expect("a network");
        let script = "
            ip link add v0 type veth peer name v1 netns $1
            ip addr add 10.9.0.1/24 dev v0
            ip link set v0 gso_max_segs 1
            ip link set v0 up
            ip route add default via 10.9.0.2
            ip route add prohibit 203.0.113.0/24
            nsenter -t $1 -n sh -ec '
                ip link set lo up
                ip addr add 10.9.0.2/24 dev v1
                ip link set v1 mtu 1000
                ip link set v1 up
                ip route change 10.9.0.0/24 dev v1 src 10.9.0.2 advmss 1460
                echo 1 >/proc/sys/net/ipv4/ip_forward
                ip route add prohibit 192.0.2.0/24'";
        command("sh").args(["-ec", script, "sh", &id]).assert().success();
        Self(holder)
    }

    /// Runs an example there.
    fn start(&self, name: &str, at: &str) -> Terminal {
        let id = self.0.id().to_string();
        Terminal::open(launch("nsenter").args(["-t", &id, "-n", program(name), at]))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a connect fails, and after which time.
fn fails(to: &str) -> (Option<i32>, Duration) {
    let to: SocketAddr = to.parse().expect("an address");
    let begin = Instant::now();
    let error = TcpStream::connect_timeout(&to, HANG_LIMIT).expect_err("nobody is there");
    (error.raw_os_error(), begin.elapsed())
}

/// Somebody says no; nobody is there; this machine says no.
#[test]
#[ignore = "in a network of its own"]
fn three_ways_not_to_reach_somebody() {
    let test = "reported::three_ways_not_to_reach_somebody";
    in_a_network(test, &["nsenter"], || {
        let _neighbour = Neighbour::new();
        const EHOSTUNREACH: Option<i32> = Some(113);
        let (error, after) = fails("192.0.2.1:9");
        assert_eq!(error, EHOSTUNREACH, "a router that forbids it");
        assert!(after < Duration::from_millis(2500), "{after:?}");

        let (error, after) = fails("10.9.0.55:9");
        assert_eq!(error, EHOSTUNREACH, "nobody has the address");
        assert!(after > Duration::from_millis(2500), "{after:?}");

        let (error, _) = fails("203.0.113.1:9");
        assert_eq!(error, Some(13), "this machine forbids it");
        let error = datagrams("0.0.0.0:0").send_to(b"x", "203.0.113.1:9").expect_err("it too");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
#[ignore = "in a network of its own"]
fn long_messages_never_arrive_where_the_mtu_is_too_large() {
    an_mtu_too_large();
}

/// The link takes packets of 1000 bytes, and the other end says that it takes more.
pub fn an_mtu_too_large() {
    let test = "reported::long_messages_never_arrive_where_the_mtu_is_too_large";
    in_a_network(test, &["nsenter", "ss"], || {
        let neighbour = Neighbour::new();
        let mut server = neighbour.start("07_first_server", "10.9.0.2:8090");
        let mut client = connect(server.invited_to());
        expect(&client, "Hello, client!");
        io::Write::write_all(&mut client, b"short").expect("room");
        expect(&client, "Server received: short");

        io::Write::write_all(&mut client, &[b'x'; 3000]).expect("room");
        client.set_read_timeout(Some(Duration::from_millis(500))).expect("an option");
        let error = client.read(&mut [0; 99]).expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let shown = command("ss").arg("-tn").output().expect("it starts").stdout;
        let shown = String::from_utf8_lossy(&shown);
        assert!(regex("ESTAB +0 +3000 ").is_match(&shown), "{shown}");

        command("ip").args(["link", "set", "v0", "mtu", "1000"]).assert().success();
        client.set_read_timeout(Some(HANG_LIMIT)).expect("an option");
        expect(&client, "Server received: xxx");
    });
}
