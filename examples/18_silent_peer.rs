use socket2::*;
use std::io::{Read, Write};
use std::net::*;
use std::time::*;
fn main() {
    let l = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = l.local_addr().unwrap();
    let t = Instant::now();
    let pair = || {
        let c = TcpStream::connect(here).unwrap();
        let s = Socket::from(l.accept().unwrap().0);
        (c, s)
    };
    let (c1, mut s1) = pair();
    let (c2, mut s2) = pair();
    let (c3, mut s3) = pair();
    s2.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(Duration::from_secs(1))
            .with_interval(Duration::from_secs(1))
            .with_retries(1),
    )
    .unwrap();
    s3.set_tcp_user_timeout(Some(Duration::from_secs(1))).unwrap();
    println!("{:?}", s1.keepalive());
    for c in [&c1, &c2, &c3] {
        SockRef::from(c)
            .attach_filter(&[SockFilter::new(6, 0, 0, 0)])
            .unwrap();
    }
    println!("{:?}", s3.write(b"hello"));
    for s in [&s1, &s2, &s3] {
        s.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    }
    for i in 0..5 {
        println!("{i} {:?}", s1.write(b"hello"));
    }
    println!("{:?} {:?}", s3.read(&mut [0; 10]), t.elapsed());
    println!("{:?} {:?}", s3.read(&mut [0; 10]), t.elapsed());
    println!("{:?} {:?}", s2.read(&mut [0; 10]), t.elapsed());
    println!("{:?} {:?}", s2.read(&mut [0; 10]), t.elapsed());
    println!("{:?} {:?}", s1.read(&mut [0; 10]), t.elapsed());
    println!("{:?}", s1.peer_addr());
}
