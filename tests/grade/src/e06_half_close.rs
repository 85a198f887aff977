use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "06_half_close",
    about: "an echo that has had enough after 1000 bytes",
    chapter: "Step 6: close",
    checks: &[],
    hints: &[],
};
