use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "13_ping_udp",
    about: "a ping with a limit, tries and a summary",
    chapter: "Step 13: waiting forever",
    checks: &[],
    hints: &[],
};
