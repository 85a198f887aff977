use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "10_write_all",
    about: "write_all by hand, without waiting in a call",
    chapter: "Step 10: a peer that doesn't receive",
    checks: &[],
    hints: &[],
};
