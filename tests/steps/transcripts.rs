//! Each example with no argument: both ends in one process.
//!
//! The files in `examples/transcripts` hold what they print.

use crate::support::{compare, run};

/// One test per example, named by it, and the list of all of them: the name
/// and the program.
macro_rules! lessons {
    ($($test:ident $name:literal)*) => {
        pub const LESSONS: &[(&str, &str)] = &[
            $(($name, env!(concat!("CARGO_BIN_EXE_", $name)))),*
        ];
        $(
            #[test]
            fn $test() {
                assert_eq!(stringify!($test), concat!("step_", $name));
                compare_with_transcript($name);
            }
        )*
    };
}

lessons! {
    step_01_create "01_create"
    step_01_create_udp "01_create_udp"
    step_02_bind "02_bind"
    step_02_bind_udp "02_bind_udp"
    step_03_listen "03_listen"
    step_03_listen_udp "03_listen_udp"
    step_04_accept "04_accept"
    step_04_accept_udp "04_accept_udp"
    step_04_connect "04_connect"
    step_04_connect_udp "04_connect_udp"
    step_05_send_recv "05_send_recv"
    step_05_send_recv_udp "05_send_recv_udp"
    step_06_close "06_close"
    step_06_close_udp "06_close_udp"
    step_08_address_in_use "08_address_in_use"
    step_09_glued_messages "09_glued_messages"
    step_09_glued_messages_udp "09_glued_messages_udp"
    step_10_short_write "10_short_write"
    step_11_split_character "11_split_character"
    step_12_peer_gone "12_peer_gone"
    step_12_peer_gone_reset "12_peer_gone_reset"
    step_13_waiting_forever "13_waiting_forever"
    step_14_full_queue "14_full_queue"
    step_15_cut_datagrams_udp "15_cut_datagrams_udp"
    step_15_lost_datagrams_udp "15_lost_datagrams_udp"
    step_16_clean_stop "16_clean_stop"
    step_16_one_at_a_time "16_one_at_a_time"
}

fn compare_with_transcript(name: &str) {
    let (status, transcript, errors) = run(name, &[]);
    assert_eq!(errors, "");
    assert_eq!(status, 0);
    compare_alone(name, &transcript);
}

/// Compares what an example printed that played both ends.
///
/// How many clients a queue takes is each system's own affair.
pub fn compare_alone(name: &str, transcript: &str) {
    if name == "14_full_queue" && !cfg!(target_os = "linux") {
        let first = "client 1  connect     connected";
        assert!(transcript.contains(first), "{transcript}");
    } else {
        compare(name, transcript);
    }
}

/// Not part of a usual run: `cargo test -- --ignored` (see CONTRIBUTING.md).
#[test]
#[ignore = "takes several seconds"]
fn the_same_transcript_in_16_runs_8_at_once_beside_busy_loops() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    let busy = AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        for (name, _) in LESSONS {
            for _ in 0..2 {
                let runs: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| compare_with_transcript(name)))
                    .collect();
                let bad = runs
                    .into_iter()
                    .filter_map(|run| run.join().err())
                    .count();
                if bad > 0 {
                    busy.store(false, Ordering::Relaxed);
                }
                assert_eq!(bad, 0, "of 8 runs of {name}");
            }
        }
        busy.store(false, Ordering::Relaxed);
    });
}
