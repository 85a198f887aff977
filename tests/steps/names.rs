//! Step 17: names, and both families.

use crate::support::{families, regex, run};

/// Elsewhere what they print is another transcript: they say what is not there.
pub const NEED_IPV6: [&str; 3] = ["17_names", "17_names_udp", "17_dual_stack"];

/// What `localhost` is, is the machine's own affair: one address of this machine, or several. A
/// transcript has the one that the machine had on which it was recorded.
pub fn as_recorded(transcript: &str) -> String {
    let found = regex(r"(?m)(^client    lookup      localhost is (127\.0\.0\.1|::1)\n)+");
    let recorded = "client    lookup      localhost is 127.0.0.1\n";
    found.replace(transcript, recorded).into_owned()
}

/// Whether what the kernel does at this example's lookup can be compared with the record: for
/// several addresses the C library makes sockets of its own, to sort them.
#[cfg(target_os = "linux")]
pub fn is_as_recorded(name: &str) -> bool {
    use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};

    let recorded = SocketAddr::from((Ipv4Addr::LOCALHOST, 8090));
    let is = name != "17_names"
        || "localhost:8090".to_socket_addrs().is_ok_and(|all| all.eq([recorded]));
    if !is {
        crate::machine::skip("localhost has other addresses here than where it was recorded");
    }
    is
}

#[test]
fn what_localhost_is_may_differ() {
    let line = |found: &str| format!("client    lookup      localhost is {found}\n");
    for found in [line("127.0.0.1"), line("::1") + &line("127.0.0.1"), line("::1")] {
        assert_eq!(as_recorded(&(found + "more\n")), line("127.0.0.1") + "more\n");
    }
    assert_eq!(as_recorded(&line("192.0.2.1")), line("192.0.2.1"));
}

/// All its ends on the port that it is given, whichever family that is written in.
#[test]
fn both_families_on_one_port() {
    if families().len() < 2 {
        return;
    }
    for family in ["127.0.0.1", "[::1]"] {
        // From a range out of which no kernel gives ports by itself.
        let from = 25_000 + u16::try_from(std::process::id() % 300 * 20).expect("below 6,000");
        let played = (from..from + 20).find_map(|port| {
            let (status, shown, errors) = run("17_dual_stack", &[&format!("{family}:{port}")]);
            (!errors.contains("already in use")).then_some((port, status, shown, errors))
        });
        let (port, status, shown, errors) = played.expect("a free port");
        assert_eq!((status, errors.as_str()), (0, ""), "{shown}");
        let listens = format!("server    listen      [::]:{port}\n");
        assert_eq!(shown.matches(&listens).count(), 2, "{shown}");
        assert!(shown.contains("server    accept      ::ffff:127.0.0.1\n"), "{shown}");
        assert!(shown.ends_with(&format!("0.0.0.0:{port}: granted\n")), "{shown}");
    }
}

#[cfg(target_os = "linux")]
mod in_a_network {
    use std::net::UdpSocket;
    use std::process::Command;

    use crate::book::wire::in_a_network;
    use crate::machine::{command, launch, program};
    use crate::support::{Terminal, numbered, within_limit};

    /// A program to which `two.example` is both addresses of loopback, IPv6 first, and `localhost`
    /// as well.
    const HOSTS: &str = "::1 two.example localhost\n127.0.0.1 two.example localhost\n";
    const SCRIPT: &str = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";

    /// On a machine with this file of hosts: the exit status, and both outputs.
    fn run_with(hosts: &str, name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), hosts).expect("written");
        let mut there = command("unshare");
        there.args(["-m", "sh", "-c", SCRIPT, "sh"]).arg(file.path());
        let there = there.arg(program(name)).args(arguments).write_stdin("hi\nquit\n");
        let output = there.output().expect("it starts");
        let [shown, errors] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
        (output.status.code(), shown, errors)
    }

    fn with_hosts(hosts: &str, name: &str, arguments: &[&str]) -> String {
        let (status, shown, errors) = run_with(hosts, name, arguments);
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{shown}");
        shown
    }

    /// In a new network [::1] is there a moment after loopback is up.
    fn wait_for_ipv6() -> bool {
        let bound = within_limit(|| match UdpSocket::bind("[::1]:0") {
            Ok(_) => Some(true),
            Err(error) if error.raw_os_error() == Some(97) => Some(false),
            Err(_) => None,
        });
        bound == Some(true)
    }

    #[test]
    #[ignore = "in a network of its own"]
    fn a_client_reaches_whichever_address_answers() {
        let test = "names::in_a_network::a_client_reaches_whichever_address_answers";
        in_a_network(test, &["mount"], || {
            if !wait_for_ipv6() {
                return crate::machine::skip("this kernel has no IPv6");
            }
            for name in ["two.example", "localhost"] {
                let to = &*format!("{name}:8090");
                for at in ["127.0.0.1:8090", "[::1]:8090"] {
                    tcp(at, to);
                    udp(at, to);
                }
                // A server by name: the first of them.
                let hosts = tempfile::NamedTempFile::new().expect("a file");
                std::fs::write(hosts.path(), HOSTS).expect("written");
                for server in ["07_chat_server", "07_chat_server_udp"] {
                    let mut there = launch("unshare");
                    there.args(["-m", "sh", "-c", SCRIPT, "sh"]).arg(hosts.path());
                    let mut server = Terminal::open(there.arg(program(server)).arg(to));
                    assert_eq!(server.invited_to().to_string(), "[::1]:8090");
                }
            }
        });
    }

    fn tcp(at: &str, to: &str) {
        let mut server = Terminal::start("07_chat_server", &[at]);
        server.invited_to();
        let shown = with_hosts(HOSTS, "07_chat_client", &[to]);
        let tried = |address: &str| format!("connecting to {address}; the server greets first\n");
        let mut wanted = tried("[::1]:8090");
        if at != "[::1]:8090" {
            wanted += &tried(at);
        }
        wanted += &format!("{to} answers at {at}\nserver: Hello, client!\n");
        assert!(shown.starts_with(&wanted), "{shown}");
        let shown = with_hosts(HOSTS, "25_keyboard", &[to]);
        let tried = |address: &str| format!("client    connect     {to} is {address}\n");
        let mut wanted = tried("[::1]:8090");
        if at != "[::1]:8090" {
            wanted += &tried(at);
        }
        assert!(shown.starts_with(&(wanted + "Hello, client!")), "{shown}");
        let raced = with_hosts(HOSTS, "17_names", &[to]);
        let found = format!(
            "client    lookup      {to} is [::1]:8090\n\
             client    lookup      {to} is 127.0.0.1:8090\n\
             client    race        {at}: answers first\n"
        );
        assert_eq!(raced, found);
    }

    fn udp(at: &str, to: &str) {
        let mut server = Terminal::start("07_chat_server_udp", &[at]);
        server.invited_to();
        let shown = with_hosts(HOSTS, "07_chat_client_udp", &[to]);
        let tried = |address: &str| format!("{to} may be {address}: trying that\n");
        assert!(shown.starts_with(&tried("[::1]:8090")), "{shown}");
        assert_eq!(shown.contains(&tried("127.0.0.1:8090")), at != "[::1]:8090", "{shown}");
        assert!(shown.contains(&format!("\n{to} answers at {at}\n")), "{shown}");
        let asked = with_hosts(HOSTS, "17_names_udp", &[to]);
        let mut wanted = String::new();
        for address in ["[::1]:8090", "127.0.0.1:8090"] {
            let heard = if at == address { "\"Hello, client!\"" } else { "no answer" };
            wanted += &format!(
                "client    send        {to} is {address}: granted\n\
                 client    recv        {heard}\n"
            );
            if at == address {
                break;
            }
        }
        assert_eq!(asked, wanted);
    }

    /// What a firewall rejects is told at once, and then the next address is asked. If no address
    /// answers, that is no success.
    #[test]
    #[ignore = "in a network of its own"]
    fn a_firewall_that_rejects_one_address_is_not_the_end() {
        let test = "names::in_a_network::a_firewall_that_rejects_one_address_is_not_the_end";
        in_a_network(test, &["mount", "sh"], || {
            if !wait_for_ipv6() {
                return crate::machine::skip("this kernel has no IPv6");
            }
            // (For that port alone: the C library looks which addresses have a route.)
            let rules = "ip -6 rule add pref 10 lookup local && ip -6 rule del pref 0 && \
                         ip -6 rule add pref 5 to ::1 ipproto udp dport 8090 prohibit";
            command("sh").args(["-ec", rules]).assert().success();
            let to = "two.example:8090";
            let rejected = format!("client    send        {to} is [::1]:8090: permission denied\n");
            let granted = format!("client    send        {to} is 127.0.0.1:8090: granted\n");
            let mut server = Terminal::start("07_chat_server_udp", &["127.0.0.1:8090"]);
            server.invited_to();
            let asked = with_hosts(HOSTS, "17_names_udp", &[to]);
            let heard = "client    recv        \"Hello, client!\"\n";
            assert_eq!(asked, format!("{rejected}{granted}{heard}"));
            server.stop();

            let (status, shown, errors) = run_with(HOSTS, "17_names_udp", &[to]);
            assert_eq!(status, Some(1), "{shown}");
            let nothing = "client    recv        no answer\n";
            assert_eq!(shown, format!("{rejected}{granted}{nothing}"));
            assert!(
                errors.starts_with("error: no address of this name has answered\n"),
                "{errors}"
            );
        });
    }

    /// The error names the address behind the name, in both languages.
    #[test]
    #[ignore = "in a network of its own"]
    fn a_name_that_refuses_is_told_with_its_address() {
        let test = "names::in_a_network::a_name_that_refuses_is_told_with_its_address";
        in_a_network(test, &["mount", "sh"], || {
            let hosts = "127.0.0.1 one.example\n";
            for lang in ["en", "zh"] {
                let arguments = ["one.example:8090", "--lang", lang];
                let (status, shown, errors) = run_with(hosts, "07_chat_client", &arguments);
                assert_eq!(status, Some(1), "{errors}");
                assert!(shown.contains("127.0.0.1:8090"), "{shown}");
                let is = match lang {
                    "zh" => "one.example:8090 在本机是 127.0.0.1:8090（",
                    _ => "  try: one.example:8090 is 127.0.0.1:8090 here ",
                };
                assert!(errors.contains(is), "{errors}");
            }
        });
    }

    /// As in most containers. They say so, and show what is there.
    #[test]
    #[ignore = "in a network of its own"]
    fn without_ipv6_the_others_still_play() {
        let test = "names::in_a_network::without_ipv6_the_others_still_play";
        in_a_network(test, &["sh"], || {
            let off = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
            if std::fs::write(off, "1").is_err() {
                return crate::machine::skip("this kernel has no IPv6 that could be switched off");
            }
            let shown = |name: &str| {
                let output = Command::new(program(name)).output().expect("it starts");
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success() && errors.is_empty(), "{name}: {errors}");
                numbered(&String::from_utf8(output.stdout).expect("UTF-8"))
            };
            let names = shown("17_names");
            for line in [
                "client    in turn     [::1]:PORT1: the address is not available\n",
                "silent    listen      127.0.0.1:PORT2: its queue is full\n",
                "client    in turn     127.0.0.1:PORT2: timed out\n",
                "client    race        127.0.0.1:PORT1: answers first\n",
            ] {
                assert!(names.contains(line), "{names}");
            }
            let udp = shown("17_names_udp");
            assert!(udp.ends_with("client    recv        \"welcome\"\n"), "{udp}");
            let both = shown("17_dual_stack");
            let gone = "client    connect     [::1]:PORT1: the address is not available\n";
            assert!(both.contains(gone), "{both}");
            assert!(both.contains("server    accept      ::ffff:127.0.0.1\n"), "{both}");
        });
    }
}
