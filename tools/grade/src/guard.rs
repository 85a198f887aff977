//! No check goes on forever. Each wait of the grader's has a limit. But a program that answers each
//! time just before that, or one that takes nothing of what is typed, could keep a check going for
//! hours.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::groups::end_groups;

/// When time is up, a check has so long to see that for itself.
const GRACE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Runs a check. If it does not end when time is up, its programs are ended: then it has nobody to
/// wait for. Gives whether that was so. On Windows nothing is ended.
pub fn guarded<T>(clock: &Clock, check: impl FnOnce() -> T) -> (T, bool) {
    guarded_with(GRACE, clock, check)
}

fn guarded_with<T>(grace: Duration, clock: &Clock, check: impl FnOnce() -> T) -> (T, bool) {
    let was_ended = AtomicBool::new(false);
    let done = thread::scope(|scope| {
        let (is_running, is_done) = channel::<()>();
        let was_ended = &was_ended;
        let watch = move || {
            let mut is_up = None;
            while is_done.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if !clock.is_up() {
                    is_up = None;
                } else if is_up.get_or_insert_with(Moment::now).elapsed() > grace {
                    was_ended.store(true, Ordering::Relaxed);
                    end_groups();
                }
            }
        };
        // Without it, the limits of the waits must do.
        let _ = thread::Builder::new().spawn_scoped(scope, watch);
        let done = check();
        drop(is_running);
        done
    });
    (done, was_ended.into_inner())
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::guarded_with;
    use crate::clock::Clock;

    #[test]
    fn a_check_that_goes_on_is_ended() {
        let (clock, grace) = (Clock::default(), Duration::from_millis(100));
        let slow = || sleep(Duration::from_millis(500));
        assert!(!guarded_with(grace, &clock, slow).1);
        clock.give_up();
        assert!(!guarded_with(grace, &clock, || ()).1);
        assert!(guarded_with(grace, &clock, slow).1);
    }
}
