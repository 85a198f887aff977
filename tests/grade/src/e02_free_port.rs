use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "02_free_port",
    about: "the first free port of a range",
    chapter: "Step 2: bind",
    checks: &[],
    hints: &[],
};
