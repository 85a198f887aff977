//! What the chat's programs say on `--lang zh` where nothing goes over the
//! wire: help, usage, and why a call failed.
//!
//! The English stands where it is said, and is the key here. A text without a
//! Chinese one stays as it is: what the system says, for instance.

/// The same in Chinese.
pub fn chinese(english: &str) -> &str {
    TEXTS
        .iter()
        .find(|(key, _)| *key == english)
        .map_or(english, |(_, chinese)| chinese)
}

/// What `--help` prints, for the programs that speak Chinese.
pub fn help(program: &str) -> Option<&'static str> {
    Some(match program {
        "07_chat_server" => include_str!("help_zh/07_chat_server.txt"),
        "07_chat_client" => include_str!("help_zh/07_chat_client.txt"),
        "07_chat_server_udp" => {
            include_str!("help_zh/07_chat_server_udp.txt")
        }
        "07_chat_client_udp" => {
            include_str!("help_zh/07_chat_client_udp.txt")
        }
        _ => return None,
    })
}

const TEXTS: &[(&str, &str)] = &[
    // What is wrong with an address.
    (
        "IPv6 goes in brackets, and a port goes after them",
        "IPv6 地址要放在方括号里, 端口写在括号后面",
    ),
    ("the port is missing", "缺少端口"),
    ("a port is a number from 0 to 65535", "端口是 0 到 65535 之间的数字"),
    ("this course uses numbers, not names", "本教程只用数字地址, 不用名字"),
    (
        "an IP address, a colon and a port are needed",
        "需要一个 IP 地址, 一个冒号和一个端口",
    ),
    // In words: what the kernel answered.
    ("the address is already in use", "地址已被占用"),
    ("the address is not available", "地址不可用"),
    ("connection reset by the peer", "连接被对端重置"),
    ("the connection is closed (broken pipe)", "连接已关闭 (断开的管道)"),
    ("nothing yet (it would block)", "暂时没有 (会阻塞)"),
    ("no answer in time", "没有及时得到回应"),
    ("interrupted", "被信号中断"),
    ("the peer left too early", "对端过早离开"),
    ("the peer speaks another protocol", "对端用的是另一种协议"),
    ("invalid argument", "参数无效"),
    ("address family not supported", "不支持这种地址族"),
    ("operation not supported", "不支持这个操作"),
    ("too many open files on this system", "整个系统打开的文件太多"),
    ("too many open files or sockets", "打开的文件或套接字太多"),
    ("the protocol is of another type", "协议与套接字类型不符"),
    ("protocol not supported", "不支持这种协议"),
    ("operation in progress", "操作正在进行"),
    ("already connected", "已经连接"),
    ("destination address required", "需要目标地址"),
    ("message too long", "消息太长"),
    ("no buffer space", "没有缓冲区空间"),
    ("permission denied", "没有权限"),
    ("connection refused", "连接被拒绝"),
    ("connection aborted", "连接中止"),
    ("not connected", "没有连接"),
    ("timed out", "超时"),
    ("network unreachable", "网络不可达"),
    ("host unreachable", "主机不可达"),
    ("out of memory", "内存不足"),
    ("no storage space", "磁盘已满"),
    ("not IP", "不是 IP 地址"),
    ("a call", "某个调用"),
    // Why, and what to try.
    (
        "a program on this machine has that port, or (TCP only) had it less than a minute ago",
        "本机有程序占用着这个端口, 或者 (仅 TCP) 不到一分钟前还占用着",
    ),
    (
        "end that program, wait a minute, or take another port",
        "结束那个程序, 等一分钟, 或换一个端口",
    ),
    (
        "bind takes only addresses that this machine has",
        "bind 只接受本机拥有的地址",
    ),
    (
        "127.0.0.1 (this machine only) or 0.0.0.0 (all of its addresses)",
        "127.0.0.1 (只限本机) 或 0.0.0.0 (本机的所有地址)",
    ),
    (
        "this system keeps the ports below 1024 for privileged programs",
        "这个系统把 1024 以下的端口留给有特权的程序",
    ),
    (
        "a port from 1024 on, such as 8090",
        "用 1024 或更大的端口, 例如 8090",
    ),
    (
        "the system, or a firewall on it, does not allow this; or the address is that of many machines (broadcast)",
        "系统或其防火墙不允许; 或者这是一个面向许多机器的地址 (广播)",
    ),
    (
        "an address of one machine, such as 127.0.0.1:8090",
        "用单个机器的地址, 例如 127.0.0.1:8090",
    ),
    (
        "an address that begins with fe80 is known on one network only, and does not say on which",
        "fe80 开头的地址只在一个网络内有效, 而它没有说明是哪个网络",
    ),
    (
        "the number of the network card behind it: [fe80::1%2]:8090",
        "在后面加上网卡的编号: [fe80::1%2]:8090",
    ),
    (
        "this machine has no address or port of its own from which to reach that one",
        "本机没有能到达那里的地址或端口",
    ),
    ("127.0.0.1, and a port other than 0", "127.0.0.1, 以及不为 0 的端口"),
    (
        "the machine answered, but no program listens at that port",
        "那台机器有回应, 但没有程序监听这个端口",
    ),
    (
        "start the other end first, and compare the port numbers",
        "先启动另一端, 并核对端口号",
    ),
    (
        "this socket has no peer: the other end has left, or it is a listener, which never has one",
        "这个套接字没有对端: 对方已经离开, 或者它是监听套接字, 从来就没有对端",
    ),
    (
        "look at the other end; a server sends on the socket that accept returned",
        "看看另一端; 服务端要在 accept 返回的套接字上发送",
    ),
    (
        "the connection was ended at once: most often the other end left while bytes were on their way to it",
        "连接突然终止: 多半是对端离开时还有字节正发往它",
    ),
    (
        "look at the other end: did it stop, or crash?",
        "看看另一端: 它停止了还是崩溃了?",
    ),
    (
        "the other end closed the connection before it had sent all of its message",
        "对端还没发完整条消息就关闭了连接",
    ),
    (
        "what came is not the answer to what was sent: another program listens there, or it received a line in two pieces",
        "收到的不是所发内容的回复: 监听在那里的是别的程序, 或者它把一行分成两次收到",
    ),
    (
        "look whether the right program listens at that address",
        "看看监听那个地址的是不是要找的程序",
    ),
    (
        "no answer came in time: nobody is at that address, a firewall drops what is sent there, or the other end is busy",
        "没有及时得到回应: 那个地址没有人, 防火墙丢弃了发去的内容, 或者另一端正忙",
    ),
    (
        "the address 127.0.0.1 and a program that listens there, and has time for you",
        "用 127.0.0.1, 并确认那里有程序在监听, 而且顾得上你",
    ),
    (
        "this machine knows no way to that address",
        "本机不知道怎么到达那个地址",
    ),
    (
        "127.0.0.1, or an address on a network that it is on",
        "127.0.0.1, 或本机所在网络里的地址",
    ),
    (
        "a signal reached the program while the call waited",
        "调用等待时, 程序收到了一个信号",
    ),
    ("the same call again: nothing is lost", "再调用一次: 什么也没有丢失"),
    (
        "the kernel has no room left for it just now",
        "内核此刻没有空间给它了",
    ),
    (
        "close sockets that are done with, or send more slowly",
        "关闭用完的套接字, 或发送得慢一些",
    ),
    (
        "a program may have only so many descriptors at a time",
        "一个程序同时能拥有的描述符数量有限",
    ),
    (
        "close what is done with, or raise the limit (ulimit -n)",
        "关闭用完的, 或提高上限 (ulimit -n)",
    ),
    (
        "all programs together have as many descriptors as this system allows",
        "所有程序的描述符加起来, 已经达到系统的上限",
    ),
    (
        "end programs that have many files or sockets open",
        "结束打开了很多文件或套接字的程序",
    ),
    ("IPv6 is switched off on this machine", "本机关闭了 IPv6"),
    (
        "an IPv4 address, such as 127.0.0.1:8090",
        "用 IPv4 地址, 例如 127.0.0.1:8090",
    ),
];
